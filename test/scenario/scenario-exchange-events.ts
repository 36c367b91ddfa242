/** Events of block exchange: `exchange c1 wants=a,b`, `exchange-sent c1`, `blocks-found 1 here=a`, `wants-requested 1 a`. */
import type { IncomingExchange, WantEntry } from '../../src/core/exchange/exchange-message.ts'
import { prefixOf } from '../../src/core/exchange/cid-text.ts'
import type { ConnectionId, LoadId, WantToken } from '../../src/core/ids.ts'
import type { ToyBlock } from '../simulation/toy-content.ts'
import { toyOutline } from '../simulation/toy-content.ts'
import type { ScenarioBlocks } from './scenario-blocks.ts'
import type { EventParser } from './scenario-events.ts'
import type { ScenarioWords } from './scenario-words.ts'
import { FAILURES } from './scenario-words.ts'

const UNKNOWN_HASH = 0x7fff

export const EXCHANGE_PARSERS: Readonly<Record<string, EventParser>> = {
  exchange: (words, { blocks }) => {
    const connection = words.next('a connection') as ConnectionId
    return { type: 'exchange-received', connection, message: message(words, blocks) }
  },
  'exchange-sent': (words, { requests }) => {
    const connection = words.next('a connection') as ConnectionId
    return { type: 'exchange-sent', connection, sequence: requests.answered(words, `send-exchange ${connection}`) }
  },
  'exchange-send-failed': (words, { requests }) => {
    const connection = words.next('a connection') as ConnectionId
    const sequence = requests.answered(words, `send-exchange ${connection}`)
    return { type: 'exchange-send-failed', connection, sequence, failure: words.oneOf(FAILURES) }
  },

  // The store: what was asked for is known by the number of the read; `here=` names what is there.
  'blocks-found': (words, { blocks }) => {
    const load = words.nextNumber('the number of a read') as LoadId
    const here = blocks.list(words.line, words.key('here'))
    const sizes = blocks.askedBy(words, load).map((block) => (here.includes(block) ? block.bytes.length : undefined))
    return { type: 'blocks-found', load, sizes }
  },
  'blocks-loaded': (words, { blocks }) => {
    const load = words.nextNumber('the number of a read') as LoadId
    const here = blocks.list(words.line, words.key('here'))
    const loaded = blocks.askedBy(words, load).map((block) => (here.includes(block) ? block.bytes : undefined))
    return { type: 'blocks-loaded', load, blocks: loaded }
  },
  'blocks-load-failed': (words) => {
    const load = words.nextNumber('the number of a read') as LoadId
    return { type: 'blocks-load-failed', load, reason: 'the disk does not answer' }
  },
  'blocks-stored': (words, { blocks }) => {
    const stored = blocks.list(words.line, words.next('blocks'))
    return { type: 'blocks-stored', blocks: stored.map(({ cid, bytes }) => ({ cid, sizeBytes: bytes.length })) }
  },
  'outline-loaded': (words, { headers }) => {
    const load = words.nextNumber('the number of a read') as LoadId
    const name = words.next('a header, or none')
    const outline = name === 'none' ? undefined : toyOutline(headers.named(words.line, name).root)
    return { type: 'outline-loaded', load, outline }
  },

  // The app.
  'wants-requested': (words, { blocks }) => {
    const token = words.nextNumber('a token') as WantToken
    const { cid } = blocks.named(words.line, words.next('a block'))
    return { type: 'wants-requested', wants: [{ token, cid, session: words.keyNumber('session') ?? 1 }] }
  },
  'want-cancelled': (words) => ({ type: 'want-cancelled', token: words.nextNumber('a token') as WantToken }),
  'outline-requested': (words, { headers }) => {
    const token = words.nextNumber('a token') as WantToken
    return { type: 'outline-requested', token, root: headers.named(words.line, words.next('a header')).root }
  },
}

/** `blocks=a,b` and, among them, `damaged=c` (other bytes under its prefix) and `unknown-hash` (one of no known hash). */
function message(words: ScenarioWords, blocks: ScenarioBlocks): IncomingExchange {
  const list = (name: string): readonly ToyBlock[] => blocks.list(words.line, words.key(name))
  const wants = (name: string, want: WantEntry['want']): readonly WantEntry[] =>
    list(name).map(({ cid }) => ({ cid, priority: 1, want, sendDontHave: true }))
  const damaged = list('damaged').map(({ cid, bytes }) => ({ cid, bytes: Uint8Array.from(bytes, (byte) => byte ^ 1) }))
  const received = [...damaged, ...list('blocks')].map(({ cid, bytes }) => {
    const prefix = prefixOf(cid)
    if (prefix === undefined) throw new Error(`expected a CID, got ${cid}`)
    return { prefix, bytes }
  })
  const unknown = { version: 1, codec: 0x55, hashCode: UNKNOWN_HASH, digestSizeBytes: 32 } as const
  return {
    wants: [...wants('wants', 'block'), ...wants('want-haves', 'have')],
    cancels: list('cancels').map(({ cid }) => cid),
    isFullWantlist: words.flag('full'),
    blocks: words.flag('unknown-hash') ? [{ prefix: unknown, bytes: new Uint8Array(1) }, ...received] : received,
    haves: list('haves').map(({ cid }) => cid),
    dontHaves: list('dont-haves').map(({ cid }) => cid),
    pendingBytes: 0,
    unreadableBlockCount: words.keyNumber('unreadable') ?? 0,
  }
}
