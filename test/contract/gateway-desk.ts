/** Orders gateways at the desk of gateway-setup.ts, from Node.js and from a tab alike. */
import { inject, onTestFinished } from 'vitest'
import type { GatewayState, Order } from './gateway-desk-process.ts'

type Opening = Omit<Extract<Order, { type: 'open' }>, 'type'>

export interface OrderedGateway extends GatewayState {
  /** Mines so many headers and resolves to the new state when the last is the gateway's head. */
  mine(args: { readonly count: number; readonly onHeight?: number; readonly salt?: number }): Promise<GatewayState>
  /** Takes a whole block in, so that it can be asked for. */
  importBlock(block: Uint8Array): Promise<GatewayState>
  look(): Promise<GatewayState>
  /** For good; harmless when it is closed already. */
  close(): Promise<void>
}

/** On regtest, with 20 headers above genesis unless said otherwise; closed when the test has finished. */
export async function openGateway(opening: Partial<Opening> = {}): Promise<OrderedGateway> {
  const state = await ask({ type: 'open', network: 'regtest', headerCount: 20, salt: 0, maxPeers: 256, ...opening })
  const { gateway } = state
  const close = async (): Promise<void> => void (await order({ type: 'close', gateway }))
  onTestFinished(close)
  return {
    ...state,
    mine: ({ count, onHeight, salt = 0 }) => ask({ type: 'mine', gateway, count, onHeight, salt }),
    importBlock: (block) => ask({ type: 'import', gateway, block: [...block] }),
    look: () => ask({ type: 'look', gateway }),
    close,
  }
}

async function ask(what: Order): Promise<GatewayState> {
  const state = await order(what)
  if (state === undefined) throw new Error('expected a gateway')
  return state
}

async function order(what: Order): Promise<GatewayState | undefined> {
  const response = await fetch(inject('gatewayDeskUrl'), { method: 'POST', body: JSON.stringify(what) })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return (JSON.parse(text) as GatewayState | null) ?? undefined
}
