import {
  TypedEventEmitter,
  type Connection,
  type IdentifyResult,
  type Listener,
  type ListenerEvents,
  type Stream,
} from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { Libp2pComponents } from './libp2p-core.ts'
import {
  decodeHopStatus,
  encodeReserve,
  HOP_PROTOCOL,
  RELAY_MESSAGE_BYTES_MAX,
  STATUS_OK,
  STOP_PROTOCOL,
} from './relay-message.ts'

/** Two would do; one more is there while another comes back. */
const RELAYS_MAX = 3
const RESERVE_TIMEOUT_MS = 10_000
/** A reservation is renewed after this share of its time; asked for again no sooner than after `RENEW_DELAY_MS_MIN`. */
const RENEW_AFTER_SHARE = 0.5
const RENEW_DELAY_MS_MIN = 10_000
const RENEW_DELAY_MS_MAX = 3_600_000

interface Reservation {
  addresses: readonly Multiaddr[]
  renewal: ReturnType<typeof setTimeout> | undefined
}

/** Keeps a place at each relay that we have dialled: there others can leave word that they want to reach us. */
export class RelayListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #components: Libp2pComponents
  readonly #accept: (stream: Stream, relay: Connection) => Promise<void>
  /** By connection; at most `RELAYS_MAX`. */
  readonly #reservations = new Map<Connection, Reservation>()
  #isListening = false

  constructor(components: Libp2pComponents, accept: (stream: Stream, relay: Connection) => Promise<void>) {
    super()
    this.#components = components
    this.#accept = accept
  }

  async listen(): Promise<void> {
    const { events, registrar } = this.#components
    await registrar.handle(STOP_PROTOCOL, async (stream, connection) => {
      if (this.#reservations.has(connection)) await this.#accept(stream, connection)
      else stream.abort(new Error('no place was reserved at this relay'))
    })
    this.#isListening = true
    events.addEventListener('peer:identify', this.#onIdentified)
    events.addEventListener('connection:close', this.#onClosed)
  }

  getAddrs(): Multiaddr[] {
    return [...this.#reservations.values()].flatMap(({ addresses }) => addresses)
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    if (!this.#isListening) return
    const { events, registrar } = this.#components
    this.#isListening = false
    events.removeEventListener('peer:identify', this.#onIdentified)
    events.removeEventListener('connection:close', this.#onClosed)
    for (const connection of [...this.#reservations.keys()]) this.#forget(connection)
    await registrar.unhandle(STOP_PROTOCOL)
    this.safeDispatchEvent('close')
  }

  readonly #onIdentified = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const { connection, protocols } = detail
    if (connection.direction !== 'outbound' || connection.limits !== undefined) return
    if (!protocols.includes(HOP_PROTOCOL) || this.#reservations.has(connection)) return
    if (this.#reservations.size >= RELAYS_MAX) return
    this.#reservations.set(connection, { addresses: [], renewal: undefined })
    void this.#reserve(connection)
  }

  readonly #onClosed = ({ detail }: CustomEvent<Connection>): void => this.#forget(detail)

  async #reserve(connection: Connection): Promise<void> {
    let addresses: readonly Multiaddr[] = []
    let delayMs = RENEW_DELAY_MS_MAX
    try {
      const { status, expires = 0, addresses: claimed } = await ask(connection)
      if (status === STATUS_OK) {
        addresses = relayedAddresses(connection, claimed)
        delayMs = (expires * 1000 - Date.now()) * RENEW_AFTER_SHARE
      }
    } catch {
      // It says no, or nothing: a place is asked for again later, as long as we are connected.
    }
    const reservation = this.#reservations.get(connection)
    if (reservation === undefined) return
    reservation.addresses = addresses
    reservation.renewal = setTimeout(
      () => void this.#reserve(connection),
      Math.min(Math.max(delayMs, RENEW_DELAY_MS_MIN), RENEW_DELAY_MS_MAX),
    )
    this.safeDispatchEvent('listening')
  }

  #forget(connection: Connection): void {
    clearTimeout(this.#reservations.get(connection)?.renewal)
    if (this.#reservations.delete(connection) && this.#isListening) this.safeDispatchEvent('listening')
  }
}

async function ask(connection: Connection): Promise<ReturnType<typeof decodeHopStatus>> {
  const signal = AbortSignal.timeout(RESERVE_TIMEOUT_MS)
  const stream = await connection.newStream(HOP_PROTOCOL, { signal })
  try {
    const messages = lpStream(stream, { maxDataLength: RELAY_MESSAGE_BYTES_MAX })
    await messages.write(encodeReserve(), { signal })
    return decodeHopStatus((await messages.read({ signal })).subarray())
  } finally {
    stream.abort(new Error('all was said'))
  }
}

/** Where we reached the relay first: others surely can as well. Then what it says of itself. */
function relayedAddresses(connection: Connection, claimed: readonly Uint8Array[]): Multiaddr[] {
  const relay = connection.remotePeer.toString()
  const addresses = new Map<string, Multiaddr>()
  for (const bytes of [connection.remoteAddr.bytes, ...claimed]) {
    try {
      const given = multiaddr(bytes)
      const components = given.getComponents()
      const named = components.find(({ name }) => name === 'p2p')
      if (named !== undefined && (named.value !== relay || components.at(-1) !== named)) continue
      const address = (named === undefined ? given.encapsulate(`/p2p/${relay}`) : given).encapsulate('/p2p-circuit')
      addresses.set(address.toString(), address)
    } catch {
      // Of a kind that we do not know.
    }
  }
  return [...addresses.values()]
}
