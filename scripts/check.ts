/** `npm run check`: every `check:*` script of package.json, all of them even when one fails. */
import { runChecks } from './check-parts.ts'

const failed = runChecks().filter((check) => !check.isPassed)
if (failed.length > 0) {
  console.error(`failed: ${failed.map((check) => check.name).join(', ')}`)
  process.exit(1)
}
