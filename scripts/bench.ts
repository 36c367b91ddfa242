/** `npm run bench [--quick] [NAME…]`: runs `test/bench/NAME.ts`, or every bench there (`make-*.ts` and folders are their tools). */
import { readdirSync } from 'node:fs'
import { run } from './run.ts'

const all: readonly string[] = readdirSync('test/bench')
  .filter((file) => file.endsWith('.ts') && !file.startsWith('make-') && !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
const given: readonly string[] = process.argv.slice(2)
const asked = given.filter((name) => name !== '--quick')
if (asked.length < given.length) process.env['RUSHLIGHT_BENCH_QUICK'] = '1'
const unknown = asked.filter((name) => !all.includes(name))
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(', ')}; there are: ${all.join(', ')}`)
  process.exit(2)
}
const failed = (asked.length > 0 ? asked : all).filter((name) => {
  console.log(`\n— ${name}`)
  return run('node', ['--expose-gc', `test/bench/${name}.ts`]) !== 0
})
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exit(1)
}
