#!/usr/bin/env node
// Nothing is imported before this check, so that an old Node.js gets one clear line instead of a stack trace.
const found: string = process.versions.node
const [major = 0, minor = 0] = found.split('.').map(Number)

if (major > 22 || (major === 22 && minor >= 12)) {
  const { runProgram } = await import('./program.ts')
  await runProgram(process.argv.slice(2))
} else {
  process.stderr.write(`rushlight needs Node.js 22.12 or newer, found ${found}\n`)
  process.exitCode = 2
}

export {}
