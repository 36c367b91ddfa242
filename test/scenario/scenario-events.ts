/** `connection-opened c1 alice outbound` -> the event. One parser a type of event; what is left out has a default. */
import type { Event } from '../../src/core/event.ts'
import type { Misbehaviour } from '../../src/core/failure.ts'
import type { ConnectionId, DialId, PeerId, RequestId, Root } from '../../src/core/ids.ts'
import type { ClaimedHead, NodeInfo, Service, SyncMessage } from '../../src/core/message.ts'
import { toyOutline } from '../simulation/toy-content.ts'
import type { ScenarioBlocks } from './scenario-blocks.ts'
import { EXCHANGE_PARSERS } from './scenario-exchange-events.ts'
import type { ScenarioLine } from './scenario-file.ts'
import { quote, refuse } from './scenario-file.ts'
import type { ScenarioHeaders } from './scenario-headers.ts'
import type { ScenarioRequests } from './scenario-requests.ts'
import { FAILURES, ScenarioWords } from './scenario-words.ts'

/** What names and numbers of a line refer to. */
export interface ScenarioContext {
  readonly headers: ScenarioHeaders
  readonly requests: ScenarioRequests
  readonly blocks: ScenarioBlocks
}

export type EventParser = (words: ScenarioWords, context: ScenarioContext) => Event

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  'undecodable',
  'invalid-header',
  'unlinked-headers',
  'unasked',
  'flood',
  'wrong-chain',
]

const MESSAGES = [
  'announce',
  'get-headers',
  'headers',
  'get-ancestors',
  'ancestors',
  'ping',
  'pong',
  'refused',
  'get-block-outline',
  'block-outline',
] as const

const REQUESTS = ['get-headers', 'get-ancestors', 'ping', 'get-block-outline'] as const

/** `wall-clock-ahead SECONDS` is no event: from that moment on the wall clock is ahead by so much. */
export const WALL_CLOCK_AHEAD = 'wall-clock-ahead'

const PARSERS: Readonly<Record<string, EventParser>> = {
  // The store: `stored=a1..a5` or nothing in it; numbers of writes and loads are the newest unless said.
  'store-opened': (words, { headers }) => {
    const stored = headers.list(words.line, words.key('stored') ?? 'none')
    const last = stored.at(-1)
    return {
      type: 'store-opened',
      headerCount: stored.length,
      lastHeader: last?.bytes.slice(),
      work: last?.work ?? 0n,
      isWritable: !words.flag('read-only'),
    }
  },
  'headers-loaded': (words, { headers }) => ({
    type: 'headers-loaded',
    fromHeight: words.nextNumber('a height'),
    headers: headers.bytes(words.line, words.next('headers')),
  }),
  'load-failed': (words) => ({
    type: 'load-failed',
    fromHeight: words.nextNumber('a height'),
    reason: 'the disk does not answer',
  }),
  persisted: (words, { requests }) => ({ type: 'persisted', sequence: requests.answered(words, 'persist') }),
  'persist-failed': (words, { requests }) => ({
    type: 'persist-failed',
    sequence: requests.answered(words, 'persist'),
    reason: words.oneOf(['write-failed', 'quota-exceeded', 'lost-lock']),
    detail: 'the disk said no',
  }),

  // Connections: `c1` is a name of the scenario's own; peers are dialled by their name.
  'connection-opened': (words) => {
    const [connection, peer] = [connectionOf(words), peerOf(words)]
    const direction = words.oneOf(['inbound', 'outbound'])
    const isLimited = words.flag('limited')
    return { type: 'connection-opened', connection, peer, direction, transport: 'script', address: peer, isLimited }
  },
  'connection-closed': (words) => ({ type: 'connection-closed', connection: connectionOf(words) }),
  'dial-succeeded': (words, { requests }) => {
    const peer = peerOf(words)
    const dial = requests.answered(words, `dial ${peer}`) as DialId
    return { type: 'dial-succeeded', dial, connection: connectionOf(words), peer }
  },
  'dial-failed': (words, { requests }) => {
    const peer = peerOf(words)
    const dial = requests.answered(words, `dial ${peer}`) as DialId
    const failure = words.oneOf(FAILURES)
    return { type: 'dial-failed', dial, failure, detail: `${peer}: ${failure}` }
  },

  // Handshakes: what the remote says of itself is `chain= head= claims= serves= agent=`, each with a default.
  'handshake-answered': (words, context) => {
    const connection = connectionOf(words)
    const request = context.requests.answered(words, `handshake ${connection}`) as RequestId
    return { type: 'handshake-answered', connection, request, info: nodeInfo(words, context) }
  },
  'handshake-requested': (words, context) => {
    const request = context.requests.remote(words) as RequestId
    return { type: 'handshake-requested', connection: connectionOf(words), request, info: nodeInfo(words, context) }
  },
  'handshake-failed': (words, { requests }) => {
    const connection = connectionOf(words)
    const request = requests.answered(words, `handshake ${connection}`) as RequestId
    return { type: 'handshake-failed', connection, request, failure: words.oneOf([...FAILURES, 'undecodable']) }
  },
  'protocols-learnt': (words) => ({
    type: 'protocols-learnt',
    connection: connectionOf(words),
    speaksHandshake: words.flag('handshake'),
    speaksBitswap: words.flag('bitswap'),
  }),

  message: (words, context) => {
    const connection = connectionOf(words)
    return { type: 'message-received', connection, message: message(words, connection, context) }
  },
  'sync-stream-failed': (words) => ({
    type: 'sync-stream-failed',
    connection: connectionOf(words),
    failure: words.oneOf(FAILURES),
  }),
  'peer-misbehaved': (words) => ({
    type: 'peer-misbehaved',
    connection: connectionOf(words),
    misbehaviour: words.oneOf(MISBEHAVIOURS),
    detail: 'garbage',
  }),

  // The app and the platform.
  'connect-requested': (words) => ({
    type: 'connect-requested',
    token: words.nextNumber('a token'),
    address: words.next('an address'),
  }),
  'connect-cancelled': (words) => ({ type: 'connect-cancelled', token: words.nextNumber('a token') }),
  'disconnect-requested': (words) => ({ type: 'disconnect-requested', peer: peerOf(words) }),
  'headers-submitted': (words, { headers }) => ({
    type: 'headers-submitted',
    headers: headers.bytes(words.line, words.next('headers')),
  }),
  'clock-jumped': (words) => ({ type: 'clock-jumped', aheadMs: words.nextNumber('seconds') * 1_000 }),
  'network-online': () => ({ type: 'network-online' }),
  'stop-requested': () => ({ type: 'stop-requested' }),
}

function parserOf(type: string | undefined): EventParser | undefined {
  return PARSERS[type ?? ''] ?? EXCHANGE_PARSERS[type ?? '']
}

/** The events of one line; more than one where a header's name has a star. Throws `ScenarioError`. */
export function parseEvents(line: ScenarioLine, context: ScenarioContext): readonly Event[] {
  const [, , type, ...rest] = line.words
  const parser = parserOf(type)
  if (parser === undefined) {
    const known = [...Object.keys(PARSERS), ...Object.keys(EXCHANGE_PARSERS), WALL_CLOCK_AHEAD].join(', ')
    refuse(line, `expected one of ${known}, got ${quote(type)}`)
  }
  return expandStar(line, rest, context.headers).map((words) => {
    const taken = new ScenarioWords(line, words)
    const event = parser(taken, context)
    taken.end()
    return event
  })
}

/** `g*-2` stands for g1-2, g2-2, … as far as they are named: one event each. */
function expandStar(
  line: ScenarioLine,
  words: readonly string[],
  headers: ScenarioHeaders,
): readonly (readonly string[])[] {
  const starred = words.findIndex((word) => word.includes('*'))
  if (starred < 0) return [words]
  return headers.perBranch(line, words[starred] ?? '', '*').map((word) => words.with(starred, word))
}

function message(words: ScenarioWords, connection: ConnectionId, { headers, requests }: ScenarioContext): SyncMessage {
  const kind = words.oneOf(MESSAGES)
  const roots = (name: string, otherwise: string): readonly Root[] =>
    headers.list(words.line, words.key(name) ?? otherwise).map(({ root }) => root)
  const answered = (asked: string): RequestId => requests.answered(words, `${asked} ${connection}`) as RequestId
  switch (kind) {
    case 'announce': {
      const list = words.next('headers')
      return { type: kind, headers: headers.bytes(words.line, list), head: headAfter(words, list, headers) }
    }
    case 'ping':
      return { type: kind, request: requests.remote(words) as RequestId }
    case 'pong':
      return { type: kind, request: answered('ping') }
    case 'refused':
      return { type: kind, request: answered(words.oneOf(REQUESTS)), reason: 'busy' }
    case 'headers': {
      const [list, hasMore] = [words.next('headers'), words.flag('more')]
      const head = headAfter(words, list, headers)
      return { type: kind, request: answered('get-headers'), headers: headers.bytes(words.line, list), hasMore, head }
    }
    case 'ancestors':
      return {
        type: kind,
        request: answered('get-ancestors'),
        headers: headers.bytes(words.line, words.next('headers')),
        answered: roots('answered', 'none'),
        unknown: roots('unknown', 'none'),
      }
    case 'get-block-outline': {
      const request = requests.remote(words) as RequestId
      const { root } = headers.named(words.line, words.next('a header'))
      return { type: kind, request, root, fromByte: words.keyNumber('from-byte') ?? 0 }
    }
    case 'block-outline': {
      const name = words.next('a header, or none')
      const outline = name === 'none' ? new Uint8Array(0) : toyOutline(headers.named(words.line, name).root)
      const totalBytes = outline.length
      return { type: kind, request: answered('get-block-outline'), totalBytes, bytes: outline }
    }
    case 'get-headers': {
      const request = requests.remote(words) as RequestId
      const countMax = words.keyNumber('count') ?? 2_016
      return { type: kind, request, locator: roots('locator', 'genesis'), stop: undefined, countMax }
    }
    case 'get-ancestors': {
      const request = requests.remote(words) as RequestId
      const countMax = words.keyNumber('count') ?? 2_016
      return { type: kind, request, roots: roots('roots', 'none'), known: roots('known', 'genesis'), countMax }
    }
  }
}

function nodeInfo(words: ScenarioWords, { headers }: ScenarioContext): NodeInfo {
  return {
    chain: words.key('chain') ?? headers.chain.id,
    genesis: headers.chain.genesis,
    head: claimedHead(words, 'genesis', headers),
    serves: (words.key('serves') ?? 'headers,ancestors').split(',').filter((name) => name !== '') as Service[],
    agent: words.key('agent') ?? 'script',
  }
}

/** The last of these headers is the sender's head, unless it says otherwise. */
function headAfter(words: ScenarioWords, list: string, headers: ScenarioHeaders): ClaimedHead {
  return claimedHead(words, headers.list(words.line, list).at(-1)?.name ?? 'genesis', headers)
}

/** `head=a5`, or more than is there: `head=a5 claims=1000`, of height and of work. */
function claimedHead(words: ScenarioWords, otherwise: string, headers: ScenarioHeaders): ClaimedHead {
  const { height, root, work } = headers.named(words.line, words.key('head') ?? otherwise)
  const claims = words.keyNumber('claims')
  return claims === undefined ? { height, root, work } : { height: claims, root, work: BigInt(claims) }
}

function connectionOf(words: ScenarioWords): ConnectionId {
  return words.next('a connection') as ConnectionId
}

function peerOf(words: ScenarioWords): PeerId {
  return words.next('a peer') as PeerId
}
