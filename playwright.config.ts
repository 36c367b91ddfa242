import { defineConfig, type PlaywrightTestConfig } from '@playwright/test'
import { CHROMIUM_FLAGS, findChromium } from './test/find-chromium.ts'

const chromiumPath = findChromium()

const config: PlaywrightTestConfig = defineConfig({
  testDir: 'test/e2e',
  globalSetup: './test/e2e/global-setup.ts',
  // Gateways, tabs and the test share two cores; more workers would only wait for each other.
  workers: 1,
  // Limits for tests that hang, never a part of what a test asserts: machines are shared and slow.
  timeout: 180_000,
  expect: { timeout: 60_000 },
  forbidOnly: process.env['CI'] !== undefined,
  reporter: 'list',
  use: {
    browserName: 'chromium',
    headless: true,
    launchOptions: {
      args: [...CHROMIUM_FLAGS],
      ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
    },
    trace: 'off',
    screenshot: 'off',
  },
})

export default config
