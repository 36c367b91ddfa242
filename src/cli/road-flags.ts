import { GATEWAY_ROADS, gatewayRoadOf, type GatewayRoad } from '../nodejs.ts'
import type { Flags } from './command.ts'
import { CommandError } from './command-error.ts'

/** Which roads a gateway listens on besides WebSockets, as flags say it. */
export interface RoadFlags {
  /** Multiaddrs in place of the default one of their road. */
  readonly listen: readonly string[]
  readonly withoutRoads: readonly GatewayRoad[]
  readonly relays: boolean
}

const EXPECTED =
  'expected /ip4/ADDRESS (or ip6) with /tcp/PORT, /udp/PORT/quic-v1/webtransport or /udp/PORT/webrtc-direct; WebSockets listen where --host and --port say'

/** Of `--listen`, `--no-tcp`, `--no-webtransport`, `--no-webrtc-direct` and `--no-relay`. Throws `CommandError` 2. */
export function parseRoadFlags(flags: Flags): RoadFlags {
  const withoutRoads = GATEWAY_ROADS.filter((road) => flags.isSet(`no-${road}`))
  const listen = flags.texts('listen')
  for (const address of listen) {
    const road = gatewayRoadOf(address)
    if (road === undefined) throw new CommandError(2, `--listen: ${EXPECTED}, got ${JSON.stringify(address)}`)
    if (withoutRoads.includes(road)) {
      throw new CommandError(2, `--no-${road}: expected it without --listen ${address}, got both`)
    }
  }
  return { listen, withoutRoads, relays: !flags.isSet('no-relay') }
}
