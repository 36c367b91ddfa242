/** What a tab of the bench does: bundled into a page, so that Node.js never runs it. */
import { multiaddr } from '@multiformats/multiaddr'
import { bitcoin } from '../../../src/bitcoin.ts'
import { createLightNode, type LightNode } from '../../../src/browser.ts'
import { createTabLibp2p } from '../../../src/host/tab-libp2p.ts'
import { browserListen, browserTransports, type BrowserTransportName } from '../../../src/host/transports.browser.ts'
import { createRaw, readRaw, serveRaw } from '../headers/raw-stream.ts'

type Transports = readonly BrowserTransportName[]

export interface RoadPage {
  /** Made before the clock runs. */
  prepare(transports: Transports): Promise<void>
  /** Milliseconds from the dial to the verified head at this height. */
  sync(address: string, height: number): Promise<number>
  /** Where this tab can be dialled, once a relay has a place for it. */
  meet(relay: string): Promise<string>
  /** Milliseconds from the dial to a ready peer over WebRTC. */
  dial(address: string): Promise<number>
  /** By the clock of all tabs, when the head is there. */
  untilHeight(height: number): Promise<number>
  /** Headers for `submit`. */
  keep(headers: readonly number[]): void
  /** Headers from our own side; by the clock of all tabs, when. */
  submit(): number
  prepareRaw(transports: Transports): Promise<void>
  /** Milliseconds from the dial to the last byte. */
  readRaw(address: string, totalBytes: number): Promise<number>
  /** Serves such a stream itself; its address, by this relay. */
  serveRaw(relay: string, totalBytes: number): Promise<string>
}

declare global {
  interface Window {
    road: RoadPage
  }
}

type Raw = Awaited<ReturnType<typeof createRaw>>

let lightNode: (LightNode & { submitHeaders?(headers: Uint8Array): void }) | undefined
let raw: Raw | undefined
let kept = new Uint8Array()

function there<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new Error('prepare comes first')
  return part
}

/** Resolves as soon as it is true, and by nothing slower than a message. */
async function until(isTrue: () => boolean, subscribe: (look: () => void) => void): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (isTrue()) resolve()
    }
    subscribe(look)
    look()
  })
}

const untilHeight = (height: number): Promise<void> =>
  until(
    () => there(lightNode).head.height === height,
    (look) => there(lightNode).addEventListener('head', look),
  )

window.road = {
  async prepare(transports) {
    lightNode = await createLightNode({ chain: bitcoin('mainnet'), store: 'memory', peers: [], transports })
  },
  async sync(address, height) {
    const startMs = performance.now()
    await Promise.all([there(lightNode).connect(address), untilHeight(height)])
    return performance.now() - startMs
  },
  async meet(relay) {
    const node = there(lightNode)
    await node.connect(relay)
    const own = (): string | undefined => node.addresses.find((address) => address.includes('/webrtc/'))
    await until(
      () => own() !== undefined,
      (look) => setInterval(look, 20),
    )
    return own() ?? ''
  },
  async dial(address) {
    const node = there(lightNode)
    const isReady = (): boolean =>
      node.snapshot().peers.some(({ transport, state }) => transport === 'webrtc' && state === 'ready')
    const startMs = performance.now()
    void node.connect(address)
    await until(isReady, (look) => node.addEventListener('peer-ready', look))
    return performance.now() - startMs
  },
  async untilHeight(height) {
    await untilHeight(height)
    return performance.timeOrigin + performance.now()
  },
  keep(headers) {
    kept = Uint8Array.from(headers)
  },
  submit() {
    const startMs = performance.timeOrigin + performance.now()
    there(lightNode).submitHeaders?.(kept)
    return startMs
  },
  async prepareRaw(transports) {
    raw = await createRaw({
      createLibp2p: createTabLibp2p,
      transports: browserTransports({ transports, rtcConfiguration: undefined }),
      listen: browserListen(transports),
    })
  },
  async readRaw(address, totalBytes) {
    const startMs = performance.now()
    await there(raw).dial(multiaddr(address))
    const dialledMs = performance.now() - startMs
    return dialledMs + (await readRaw(there(raw), address, totalBytes))
  },
  async serveRaw(relay, totalBytes) {
    const serving = there(raw)
    await serveRaw(serving, totalBytes)
    await serving.dial(multiaddr(relay))
    const own = (): string | undefined =>
      serving
        .getMultiaddrs()
        .map(String)
        .find((address) => address.includes('/webrtc/'))
    await until(
      () => own() !== undefined,
      (look) => setInterval(look, 20),
    )
    return own() ?? ''
  },
}
