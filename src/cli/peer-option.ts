import { addressProblem } from '../nodejs.ts'
import { CommandError } from './command-error.ts'

/** `--peer`: a multiaddr or a gateway's URL. Throws `CommandError` 2. */
export function parsePeer(text: string): string {
  const problem = addressProblem(text)
  if (problem === undefined) return text
  throw new CommandError(2, `--peer: ${problem}`)
}
