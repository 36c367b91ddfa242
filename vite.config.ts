import { defineConfig, type UserConfig } from 'vite'
import { WEBRTC_ALIASES } from './scripts/build-steps.ts'

const config: UserConfig = defineConfig({
  root: 'web',
  base: './',
  plugins: [
    {
      name: 'webrtc-aliases',
      enforce: 'pre',
      resolveId: (source, importer) =>
        importer?.includes('/@libp2p/webrtc/') === true ? WEBRTC_ALIASES[source] : undefined,
    },
  ],
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // The first engines with Promise.withResolvers, which libp2p needs, and light-dark() in CSS.
    target: ['chrome123', 'firefox125', 'safari17.5'],
    // The page's Content-Security-Policy allows no inline code and the targets preload by themselves.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // One script: everything in it is needed at once. What a visit weighs is held by the size check, compressed.
    chunkSizeWarningLimit: 1_000,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': 'http://127.0.0.1:8645' },
  },
})

export default config
