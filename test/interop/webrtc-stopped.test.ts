import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('a gateway that stopped lives on when strangers go on asking at its WebRTC-Direct port, and starts there again', async () => {
  const program = fileURLToPath(new URL('webrtc-stopped.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [program])
  expect(stdout.trim()).toBe('alive')
})
