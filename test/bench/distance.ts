/**
 * Headers from a gateway that is a round trip of 50 ms away, verified and held in memory, beside the time of that many round
 * trips one after another: what a sync that asks for a range, waits, and asks for the next one cannot come below.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { multiaddr } from '@multiformats/multiaddr'
import { HEADERS_PER_MESSAGE_MAX } from '../../src/core/limits.ts'
import { bitcoin, createLightNode } from '../../src/nodejs.ts'
import { figure, medians } from './exchange/figures.ts'
import { HEADER_COUNT, inTurns, withGateway } from './headers/made-once.ts'
import { report } from './headers/rounds.ts'

const ROUND_TRIP_MS = 50
const TIMES_MAX = 0.5
const ONE_BY_ONE_MS: number = Math.ceil(HEADER_COUNT / HEADERS_PER_MESSAGE_MAX) * ROUND_TRIP_MS

await withGateway(async ({ url }) => {
  const { hostname, port } = new URL(url)
  const { addresses } = (await (await fetch(`${url}/api/addresses`)).json()) as {
    readonly addresses: readonly string[]
  }
  const [gateway] = addresses.flatMap((address) =>
    multiaddr(address)
      .getComponents()
      .filter(({ name }) => name === 'p2p'),
  )
  const road = createServer((near) => {
    const far = connect(Number(port), hostname)
    carry(near, far)
    carry(far, near)
  })
  await new Promise<void>((resolve) => road.listen(0, '127.0.0.1', resolve))
  const address = `/ip4/127.0.0.1/tcp/${(road.address() as AddressInfo).port}/ws/p2p/${gateway?.value}`
  const rounds = await inTurns({ 'light node, ms': () => sync(address) })
  road.close()
  const values: Record<string, number> = { ...medians(rounds), 'one by one, ms': ONE_BY_ONE_MS }
  const result = (values['light node, ms'] ?? NaN) / ONE_BY_ONE_MS
  const goal = { atMost: TIMES_MAX }
  report('distance', [
    figure({ name: `a gateway ${ROUND_TRIP_MS} ms away`, values, result, unit: 'of one by one', goal, rounds }),
  ])
})

async function sync(address: string): Promise<number> {
  const startMs = performance.now()
  await using lightNode = await createLightNode({ chain: bitcoin('regtest'), peers: [address], store: 'memory' })
  await lightNode.ready()
  if (lightNode.head.height !== HEADER_COUNT - 1) throw new Error(`expected all headers, got ${lightNode.head.height}`)
  return performance.now() - startMs
}

/** One way, half a round trip later. */
function carry(from: Socket, to: Socket): void {
  from.setNoDelay(true)
  from.on('data', (bytes) => setTimeout(() => to.write(bytes), ROUND_TRIP_MS / 2))
  from.on('close', () => setTimeout(() => to.destroy(), ROUND_TRIP_MS / 2))
  from.on('error', () => to.destroy())
}
