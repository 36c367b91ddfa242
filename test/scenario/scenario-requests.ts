/** What the core asked for last, so that an answer in a scenario need not repeat its number. */
import type { Effect } from '../../src/core/effect.ts'
import { quote, refuse } from './scenario-file.ts'
import type { ScenarioWords } from './scenario-words.ts'

export class ScenarioRequests {
  /** By what was asked, and of whom: `get-headers c1`, `handshake c1`, `send-exchange c1`, `dial alice`, `persist`. */
  private readonly newest = new Map<string, number>()
  private remoteCount = 0

  note(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
        this.newest.set(`dial ${effect.address}`, effect.dial)
        return
      case 'request-handshake':
        this.newest.set(`handshake ${effect.connection}`, effect.request)
        return
      case 'persist':
        this.newest.set('persist', effect.sequence)
        return
      case 'send-exchange':
        this.newest.set(`send-exchange ${effect.connection}`, effect.sequence)
        return
      case 'send-message':
        if ('request' in effect.message) {
          this.newest.set(`${effect.message.type} ${effect.connection}`, effect.message.request)
        }
        return
      default:
    }
  }

  /** `request=N`, or the newest of these. Throws `ScenarioError` where there is none. */
  answered(words: ScenarioWords, asked: string): number {
    return (
      words.keyNumber('request') ??
      this.newest.get(asked) ??
      refuse(words.line, `expected request=N where no ${quote(asked)} was asked for, got nothing`)
    )
  }

  /** `request=N`, or a number of the remote's own that was not used before. */
  remote(words: ScenarioWords): number {
    return words.keyNumber('request') ?? (this.remoteCount += 1)
  }
}
