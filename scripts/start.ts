/** `npm start`: builds what is not built, then runs the practice chain's gateway; further flags are passed on. */
import { buildIfNeeded } from './build-steps.ts'

buildIfNeeded()
// In this process, so that a signal to it reaches the gateway.
process.argv.splice(2, 0, 'start', '--dev')
await import('../src/cli/main.ts')
