import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readUint32, TIME_OFFSET } from '../../src/chain/bitcoin/header.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { createHttpHandler } from '../../src/cli/http-handler.ts'
import { TrustedProxies } from '../../src/cli/http-origin.ts'
import { bitcoin, startGateway, type BitcoinNetwork, type Gateway } from '../../src/nodejs.ts'

export type Order =
  | {
      readonly type: 'open'
      readonly network: BitcoinNetwork
      readonly headerCount: number
      readonly salt: number
      readonly maxPeers: number
    }
  | {
      readonly type: 'mine'
      readonly gateway: number
      /** Mines on the header of this height; undefined for the head. */
      readonly onHeight: number | undefined
      readonly count: number
      readonly salt: number
    }
  /** A whole block, each byte a number. */
  | { readonly type: 'import'; readonly gateway: number; readonly block: readonly number[] }
  | { readonly type: 'look'; readonly gateway: number }
  | { readonly type: 'close'; readonly gateway: number }

export interface GatewayState {
  readonly gateway: number
  readonly url: string
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly head: { readonly height: number; readonly root: string }
  readonly readyPeers: readonly string[]
}

/** Gateways to order. One that was ordered with no headers holds genesis alone. */
export class GatewayDesk {
  readonly #gateways = new Map<number, { readonly gateway: Gateway; readonly directory: string }>()
  #nextGateway = 1

  async order(order: Order): Promise<GatewayState | undefined> {
    switch (order.type) {
      case 'open':
        return this.#open(order)
      case 'mine':
        await mine(this.#gateway(order.gateway), order)
        return this.#state(order.gateway)
      case 'import':
        await this.#gateway(order.gateway).importBlock(Uint8Array.from(order.block))
        return this.#state(order.gateway)
      case 'look':
        return this.#state(order.gateway)
      case 'close':
        await this.#close(order.gateway)
        return undefined
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#gateways.keys()].map((gateway) => this.#close(gateway)))
  }

  async #open({ network, headerCount, salt, maxPeers }: Extract<Order, { type: 'open' }>): Promise<GatewayState> {
    const directory = await mkdtemp(join(tmpdir(), 'rushlight-desk-'))
    const log = (): void => {}
    const host = '127.0.0.1'
    const handler = createHttpHandler({
      host,
      trustedProxies: new TrustedProxies([]),
      isPractice: true,
      hasStatus: true,
      pageDirectory: new URL(`file://${directory}/`),
      log,
    })
    const gateway = await startGateway({
      chain: bitcoin(network),
      directory,
      peers: [],
      port: 0,
      host,
      announce: [],
      isAuthority: true,
      log,
      maxPeers,
      httpRequestHandler: (request, response) => handler.handle(request, response),
      allowUpgrade: (request) => handler.allowUpgrade(request),
    })
    handler.serve(gateway)
    const id = this.#nextGateway++
    this.#gateways.set(id, { gateway, directory })
    if (headerCount > 0) await mine(gateway, { onHeight: 0, count: headerCount, salt })
    return this.#state(id)
  }

  #gateway(id: number): Gateway {
    const found = this.#gateways.get(id)
    if (found === undefined) throw new Error(`no gateway ${id}`)
    return found.gateway
  }

  #state(id: number): GatewayState {
    const { head, port, peerId, addresses, snapshot } = bound(this.#gateway(id))
    const ready = snapshot().peers.filter(({ state }) => state === 'ready')
    return {
      gateway: id,
      url: `http://127.0.0.1:${port}`,
      peerId,
      addresses,
      head: { height: head.height, root: head.root },
      readyPeers: ready.map((peer) => peer.id),
    }
  }

  async #close(id: number): Promise<void> {
    const found = this.#gateways.get(id)
    this.#gateways.delete(id)
    await found?.gateway.stop()
    if (found !== undefined) await rm(found.directory, { recursive: true, force: true })
  }
}

function bound(gateway: Gateway): Pick<Gateway, 'head' | 'port' | 'peerId' | 'addresses' | 'snapshot'> {
  const { head, port, peerId, addresses } = gateway
  return { head, port, peerId, addresses, snapshot: () => gateway.snapshot() }
}

/** Resolves when the last of them is the gateway's head. */
async function mine(
  gateway: Gateway,
  { onHeight, count, salt }: { readonly onHeight: number | undefined; readonly count: number; readonly salt: number },
): Promise<void> {
  const parent = await gateway.getHeader(onHeight ?? gateway.head.height)
  if (parent === undefined) throw new Error(`no header at ${onHeight}`)
  const headers = mineHeaders({
    parent: parent.bytes,
    count,
    firstTime: readUint32(parent.bytes, TIME_OFFSET) + 600,
    stepSeconds: 600,
    salt,
  })
  const height = parent.height + count
  const mined = new Promise<void>((resolve) => {
    gateway.addEventListener('head', ({ detail }) => {
      if (detail.height >= height) resolve()
    })
  })
  gateway.submitHeaders(headers)
  await mined
}
