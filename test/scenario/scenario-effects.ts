/** An effect as one line of a scenario: names instead of hashes, and nothing that is always the same. */
import type { Effect, WantFailed } from '../../src/core/effect.ts'
import type { OutgoingExchange, WantEntry } from '../../src/core/exchange/exchange-message.ts'
import type { Cid, Root } from '../../src/core/ids.ts'
import type { ClaimedHead, GetHeaders, SyncMessage } from '../../src/core/message.ts'
import type { ScenarioBlocks } from './scenario-blocks.ts'
import type { ScenarioHeaders } from './scenario-headers.ts'

/** One line an effect; roots that are given up together share one. */
export function formatEffects(
  effects: readonly Effect[],
  { headers, blocks }: { readonly headers: ScenarioHeaders; readonly blocks: ScenarioBlocks },
): readonly string[] {
  const lines: string[] = []
  let failed: { failure: string; roots: Root[] } | undefined
  const endFailed = (): void => {
    if (failed !== undefined) lines.push(`want-failed ${shortList(failed.roots, headers)} ${failed.failure}`)
    failed = undefined
  }
  for (const effect of effects) {
    if (effect.type === 'want-failed' && effect.failure === failed?.failure) failed.roots.push(effect.root)
    else {
      endFailed()
      if (effect.type === 'want-failed') failed = { failure: effect.failure, roots: [effect.root] }
      else lines.push(formatEffect(effect, headers, blocks))
    }
  }
  endFailed()
  return lines
}

function formatEffect(effect: Exclude<Effect, WantFailed>, headers: ScenarioHeaders, blocks: ScenarioBlocks): string {
  switch (effect.type) {
    case 'dial':
      return `dial ${effect.dial} ${effect.address}`
    case 'cancel-dial':
      return `cancel-dial ${effect.dial}`
    case 'close-connection':
      return `close-connection ${effect.connection} ${effect.reason}`
    case 'request-handshake':
    case 'answer-handshake':
      return `${effect.type} ${effect.connection} ${effect.request} ${formatHead(effect.info.head, headers)}`
    case 'send-message':
      return `send ${effect.connection} ${formatMessage(effect.message, headers)}`
    case 'load-headers':
      return `load-headers from=${effect.fromHeight} count=${effect.count}`
    case 'persist':
      return `persist ${effect.sequence} truncate-to=${effect.truncateTo} ${headers.namesIn(effect.append)}`
    case 'peer-ready':
      return `peer-ready ${effect.peer} generation=${effect.generation}`
    case 'peer-gone':
      return `peer-gone ${effect.peer} generation=${effect.generation}: ${named(effect.reason, headers)}`
    case 'head-changed':
      return `head-changed ${headers.nameOf(effect.head.root)} ${effect.head.trust} confirmed-by=${effect.head.confirmedBy}`
    case 'reorganised': {
      const [reverted, adopted] = [effect.reverted, effect.adopted].map((all) =>
        headers.namesOf(all.map(({ root }) => root)),
      )
      return `reorganised reverted=${reverted} adopted=${adopted}`
    }
    case 'status-changed':
      return `status-changed ${effect.status}: ${named(effect.reason, headers)}`
    case 'connect-settled': {
      const { outcome } = effect
      const result =
        outcome.type === 'ready' ? `ready ${outcome.peer}` : `failed ${outcome.code}: ${named(outcome.detail, headers)}`
      return `connect-settled ${effect.token} ${result}`
    }
    case 'headers-settled':
      return `headers-settled ${effect.token} added=${effect.addedCount} ${effect.stop?.type ?? 'verified'}`
    case 'admit-exchange':
    case 'reset-exchange':
      return `${effect.type} ${effect.connection}`
    case 'send-exchange':
      return `send-exchange ${effect.connection} ${effect.sequence} ${formatExchange(effect.message, blocks)}`
    case 'find-blocks':
    case 'load-blocks':
      return `${effect.type} ${effect.load} for=${effect.owner ?? 'app'} ${blocks.namesOf(effect.cids)}`
    case 'load-outline':
      return `load-outline ${effect.load} for=${effect.owner ?? 'app'} ${headers.nameOf(effect.root)}`
    case 'save-blocks':
      return `save-blocks ${blocks.namesOf(effect.blocks.map(({ cid }) => cid))}`
    case 'want-settled':
    case 'outline-settled': {
      const { outcome } = effect
      const result =
        outcome.type === 'delivered' ? `delivered from=${outcome.from}` : `failed ${outcome.code}: ${outcome.detail}`
      return `${effect.type} ${effect.token} ${result}`
    }
    case 'warning':
      return `warning ${effect.code}: ${named(effect.detail, headers)}`
  }
}

/** Only what is in it. */
function formatExchange(message: OutgoingExchange, blocks: ScenarioBlocks): string {
  const wanted = (kind: WantEntry['want']): readonly Cid[] =>
    message.wants.filter(({ want }) => want === kind).map(({ cid }) => cid)
  const parts: readonly (readonly [string, readonly Cid[]])[] = [
    ['wants', wanted('block')],
    ['want-haves', wanted('have')],
    ['cancels', message.cancels],
    ['blocks', message.blocks.map(({ cid }) => cid)],
    ['haves', message.haves],
    ['dont-haves', message.dontHaves],
  ]
  const said = parts.flatMap(([name, cids]) => (cids.length === 0 ? [] : [`${name}=${blocks.namesOf(cids)}`]))
  return [...(message.isFullWantlist ? ['full'] : []), ...said].join(' ')
}

function formatMessage(message: SyncMessage, headers: ScenarioHeaders): string {
  switch (message.type) {
    case 'get-block-outline':
      return `get-block-outline ${message.request} ${headers.nameOf(message.root)} from-byte=${message.fromByte}`
    case 'block-outline':
      return `block-outline ${message.request} ${message.bytes.length} of ${message.totalBytes} bytes`
    case 'get-peers':
    case 'peers':
      return `${message.type} ${message.request} ${message.records.map(({ peer }) => peer).join(',') || 'none'}`
    case 'ping':
    case 'pong':
      return `${message.type} ${message.request}`
    case 'refused':
      return `refused ${message.request} ${message.reason}`
    case 'announce':
      return `announce ${headers.namesIn(message.headers)}`
    case 'headers': {
      const more = message.hasMore ? ' more' : ''
      return `headers ${message.request} ${headers.namesIn(message.headers)}${more} ${formatHead(message.head, headers)}`
    }
    case 'ancestors': {
      const [answered, unknown] = [message.answered, message.unknown].map((roots) => headers.namesOf(roots))
      return `ancestors ${message.request} ${headers.namesIn(message.headers)} answered=${answered} unknown=${unknown}`
    }
    case 'get-headers':
      return `get-headers ${message.request} locator=${shortList(message.locator, headers)}${stopOf(message, headers)} count=${message.countMax}`
    case 'get-ancestors': {
      const [roots, known] = [message.roots, message.known].map((list) => shortList(list, headers))
      return `get-ancestors ${message.request} roots=${roots} known=${known} count=${message.countMax}`
    }
  }
}

function stopOf({ stop }: GetHeaders, headers: ScenarioHeaders): string {
  return stop === undefined ? '' : ` stop=${headers.nameOf(stop)}`
}

const SHOWN_MAX = 4

/** The first few, and how many there are. */
function shortList(roots: readonly Root[], headers: ScenarioHeaders): string {
  const names = headers.namesOf(roots.slice(0, SHOWN_MAX))
  return roots.length > SHOWN_MAX ? `${names},…(${roots.length})` : names
}

function formatHead(head: ClaimedHead, headers: ScenarioHeaders): string {
  return `head=${headers.nameOf(head.root)}`
}

function named(text: string, headers: ScenarioHeaders): string {
  return text.replaceAll(/[0-9a-f]{64}/g, (root) => headers.nameOf(root as Root))
}
