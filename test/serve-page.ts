/** A page that runs one script, bundled from our sources on the spot and served on loopback. */
import { build } from 'esbuild'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

export interface ServedPage {
  readonly url: string
  close(): Promise<void>
}

/** TypeScript as a text or a file; paths, also of a text's imports, begin at the root of the repository. */
export async function servePage(source: { readonly text: string } | { readonly file: string }): Promise<ServedPage> {
  const root = join(import.meta.dirname, '..')
  const { outputFiles } = await build({
    ...('text' in source
      ? { stdin: { contents: source.text, resolveDir: root, loader: 'ts' } }
      : { entryPoints: [join(root, source.file)] }),
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
  })
  const script = outputFiles[0]?.contents ?? new Uint8Array()
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
