import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import type { ViteUserConfig } from 'vitest/config'
import { CHROMIUM_FLAGS, CHROMIUM_MISSING, findChromium } from './test/find-chromium.ts'
import { SlowestFilesReporter } from './test/slowest-files.ts'

const BROWSER_TESTS = ['{src,web,test}/**/*.browser.test.ts']
const ISOMORPHIC_TESTS = ['{src,web,test}/**/*.isomorphic.test.ts']
const LONG_TESTS = ['{src,test}/**/*.long.test.ts']
const PACKAGE_TESTS = ['test/package/**/*.test.ts']

/** A limit for tests that hang, never a part of what a test asserts: machines are shared and slow. */
const HANG_LIMIT_MS = 120_000
const LONG_HANG_LIMIT_MS = 3_600_000

const chromiumPath = findChromium()
const isBrowserAsked = !process.argv.includes('--project') || process.argv.includes('browser')
if (chromiumPath === undefined && isBrowserAsked) console.error(CHROMIUM_MISSING)

/** Where the API tests, in Node.js and in a tab, order the gateways that they connect to. */
const globalSetup = ['test/contract/gateway-setup.ts']

const limits = { testTimeout: HANG_LIMIT_MS, hookTimeout: HANG_LIMIT_MS }

const config: ViteUserConfig = defineConfig({
  test: {
    reporters: ['default', new SlowestFilesReporter()],
    projects: [
      {
        test: {
          ...limits,
          name: 'node',
          globalSetup,
          environment: 'node',
          include: ['{src,web,test}/**/*.test.ts'],
          exclude: [...BROWSER_TESTS, ...LONG_TESTS, ...PACKAGE_TESTS],
        },
      },
      {
        // Found before the first test: what is found later reloads the page in the middle of one.
        optimizeDeps: { entries: ['src/browser.ts'] },
        test: {
          ...limits,
          name: 'browser',
          globalSetup,
          include: [...BROWSER_TESTS, ...ISOMORPHIC_TESTS],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                args: [...CHROMIUM_FLAGS],
                ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      { test: { ...limits, name: 'package', environment: 'node', include: PACKAGE_TESTS } },
      {
        test: {
          name: 'long',
          environment: 'node',
          include: LONG_TESTS,
          testTimeout: LONG_HANG_LIMIT_MS,
          hookTimeout: LONG_HANG_LIMIT_MS,
        },
      },
    ],
  },
})

export default config
