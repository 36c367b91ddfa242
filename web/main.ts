/** The page: finds its gateway, starts a light node in this tab, and shows what it does. */
import { bitcoin } from '../src/bitcoin.ts'
import type { LightNode, Snapshot } from '../src/browser.ts'
import { watchActivity } from './activity.ts'
import { RushlightBlock } from './block-element.ts'
import { RushlightConnect } from './connect-element.ts'
import { RushlightEvents } from './events-element.ts'
import { RushlightFiles } from './files-element.ts'
import { formatChain, formatNumber } from './format.ts'
import { RushlightGateway } from './gateway-element.ts'
import { forgetGateway, lookUpGateway, recallGateway, rememberGateway, type Gateway } from './gateway.ts'
import { RushlightHead } from './head-element.ts'
import { RushlightPeers } from './peers-element.ts'
import { explainLookup, type Problem } from './plain-words.ts'
import { RushlightShare } from './share-element.ts'
import { RushlightStatus } from './status-element.ts'
import { RushlightStore } from './store-element.ts'
import { RushlightTransactions } from './transactions-element.ts'

declare global {
  interface Window {
    /** For tests and for the curious: the running light node. */
    rushlight?: LightNode
  }
}

const PEERS_IN_URL_MAX = 8
const NETWORKS = ['mainnet', 'testnet3', 'testnet4', 'signet', 'regtest'] as const
type Network = (typeof NETWORKS)[number]

// In a task of its own: what the page shows first does not wait for it.
const library = import('../src/browser.ts')

const ELEMENTS: Readonly<Record<string, CustomElementConstructor>> = {
  'rushlight-status': RushlightStatus,
  'rushlight-head': RushlightHead,
  'rushlight-gateway': RushlightGateway,
  'rushlight-peers': RushlightPeers,
  'rushlight-connect': RushlightConnect,
  'rushlight-store': RushlightStore,
  'rushlight-block': RushlightBlock,
  'rushlight-transactions': RushlightTransactions,
  'rushlight-share': RushlightShare,
  'rushlight-files': RushlightFiles,
  'rushlight-events': RushlightEvents,
}

const defined = defineElements()
find('#doctor', HTMLDetailsElement).addEventListener('toggle', () => void openDoctor())
void boot()

/** Each draws itself in a task of its own: together they would hold up a click for long. */
async function defineElements(): Promise<void> {
  for (const [name, element] of Object.entries(ELEMENTS)) {
    customElements.define(name, element)
    await nextTask()
  }
}

/** Without a timer, which waits a second in a hidden tab. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

async function boot(): Promise<void> {
  const [own] = await Promise.all([lookUpGateway(location.origin), defined])
  if (own.type === 'found') return run(own.gateway)
  // Not served by a gateway, or by one that does not answer now: the last visit's is tried, and dialled until it is back.
  const recalled = recallGateway()
  if (recalled === undefined) return askForGateway(undefined)
  if (recalled.url === location.origin && own.type === 'unreachable') return run(recalled)
  const lookup = await lookUpGateway(recalled.url)
  if (lookup.type === 'not-a-gateway') return askForGateway(explainLookup(lookup, recalled.url, location), recalled.url)
  return run(lookup.type === 'found' ? lookup.gateway : recalled)
}

function askForGateway(problem: Problem | undefined, suggestion?: string): void {
  const element = find('rushlight-gateway', RushlightGateway)
  element.problem = problem
  element.suggestion = suggestion ?? peersInUrl().find((address) => /^https?:/.test(address)) ?? ''
  element.hidden = false
  element.addEventListener(
    'gateway-chosen',
    (event) => {
      element.hidden = true
      void run((event as CustomEvent<Gateway>).detail)
    },
    { once: true },
  )
}

async function run(gateway: Gateway): Promise<void> {
  const network = NETWORKS.find((name) => gateway.chain === `bitcoin:${name}`)
  if (network === undefined) {
    const known = NETWORKS.map((name) => `bitcoin:${name}`).join(', ')
    forgetGateway()
    return say(
      `The gateway at ${gateway.url} follows the chain “${gateway.chain}”, which this page does not know. It knows ${known}.`,
    )
  }
  rememberGateway(gateway)
  showGateway(gateway, network)
  try {
    const { createLightNode } = await library
    const lightNode = await createLightNode({ chain: bitcoin(network), peers: [gateway.url] })
    window.rushlight = lightNode
    show(lightNode, gateway.isPractice)
  } catch (error) {
    say(`The light node could not start: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function show(lightNode: LightNode, isPractice: boolean): void {
  const block = find('rushlight-block', RushlightBlock)
  const connect = find('rushlight-connect', RushlightConnect)
  const events = find('rushlight-events', RushlightEvents)
  const share = find('rushlight-share', RushlightShare)
  share.lightNode = lightNode
  const views = [
    find('rushlight-status', RushlightStatus),
    find('rushlight-head', RushlightHead),
    find('rushlight-peers', RushlightPeers),
    block,
    share,
    find('rushlight-store', RushlightStore),
  ]
  const update = (): void => {
    const snapshot = lightNode.snapshot()
    for (const view of views) view.snapshot = snapshot
    document.title = titleOf(snapshot)
  }
  watchActivity(lightNode, (activities) => (events.activities = activities))
  lightNode.subscribe(update)
  update()
  find('#version', HTMLElement).textContent = `Rushlight ${lightNode.snapshot().version}`
  find('#light-node', HTMLElement).hidden = false

  block.lightNode = lightNode
  block.isPractice = isPractice
  find('#light-node', HTMLElement).addEventListener('block-chosen', (event) => {
    void block.open((event as CustomEvent<string>).detail, { isFocused: true })
  })
  connect.lightNode = lightNode
  connect.addEventListener('examine', (event) => void openDoctor((event as CustomEvent<string>).detail))
  find('rushlight-files', RushlightFiles).lightNode = lightNode
  // A link may name a few peers; it must not make the page knock at a hundred doors.
  const connectAll = (): void =>
    peersInUrl()
      .slice(0, PEERS_IN_URL_MAX)
      .forEach((address) => void connect.connect(address))
  window.addEventListener('hashchange', connectAll)
  connectAll()
}

/** Loaded when it is opened first. */
async function openDoctor(address?: string): Promise<void> {
  const panel = find('#doctor', HTMLDetailsElement)
  if (!panel.open && address === undefined) return
  const { RushlightDoctor } = await import('./doctor-element.ts')
  if (customElements.get('rushlight-doctor') === undefined) customElements.define('rushlight-doctor', RushlightDoctor)
  const found = panel.querySelector('rushlight-doctor')
  const doctor = found instanceof RushlightDoctor ? found : new RushlightDoctor()
  if (found === null) {
    doctor.suggestion = recallGateway()?.url ?? ''
    panel.append(doctor)
  }
  doctor.chain = window.rushlight?.chain
  if (address === undefined) return
  panel.open = true
  doctor.scrollIntoView({ block: 'nearest' })
  await doctor.examine(address)
}

function showGateway(gateway: Gateway, network: Network): void {
  const chain = find('#chain', HTMLElement)
  chain.textContent = gateway.isPractice ? 'Practice chain' : formatChain(gateway.chain)
  chain.hidden = false
  find('#practice', HTMLElement).hidden = !(gateway.isPractice && network === 'regtest')
  if (gateway.url === location.origin) return
  find('#gateway-url', HTMLElement).textContent = gateway.url
  find('#gateway', HTMLElement).hidden = false
  find('#gateway-change', HTMLElement).addEventListener('click', () => {
    forgetGateway()
    location.reload()
  })
}

/** `#peer=ADDRESS`, which may be repeated. */
function peersInUrl(): readonly string[] {
  return new URLSearchParams(location.hash.slice(1)).getAll('peer')
}

function titleOf({ status, head, progress }: Snapshot): string {
  const height = formatNumber(head.height)
  switch (status) {
    case 'synced':
    case 'stale':
      return `${height} · Rushlight`
    case 'syncing': {
      const percent =
        progress.target === undefined ? '' : ` ${Math.floor((100 * head.height) / Math.max(1, progress.target))} %`
      return `Syncing${percent} · Rushlight`
    }
    default:
      return `${status.charAt(0).toUpperCase()}${status.slice(1)} · ${height} · Rushlight`
  }
}

function say(text: string): void {
  const notice = find('#notice', HTMLElement)
  notice.hidden = false
  notice.textContent = text
}

/** An element of index.html; its absence is a bug. */
function find<Type extends Element>(selector: string, type: abstract new (...args: never[]) => Type): Type {
  const element = document.querySelector(selector)
  if (!(element instanceof type)) throw new Error(`expected ${selector} in index.html`)
  return element
}
