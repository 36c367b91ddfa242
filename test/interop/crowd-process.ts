/** The crowd's own process: the victim's time is its own, and what is left open in its process is its own fault. */
import type { CrowdAnswer, CrowdOrder } from './crowd.ts'
import { WAYS, type FakePeer, type Victim } from './fake-peers.ts'

interface Member {
  readonly peer: FakePeer
  readonly isReady: boolean
}

let crowd: readonly Member[] = []

/** All at once; rejects when one of them does not get as far as it meant to. */
async function gather(victim: Victim, from: number, size: number): Promise<Member[]> {
  return await Promise.all(
    Array.from({ length: size }, async (_, index) => {
      const way = WAYS[(from + index) % WAYS.length]
      if (way === undefined) throw new Error('expected a way')
      const transport = Math.trunc((from + index) / WAYS.length) % 2 === 0 ? 'tcp' : 'websockets'
      try {
        return { peer: await way.go(victim, transport), isReady: way.isReady }
      } catch (error) {
        throw new Error(`fake peer ${from + index}, that ${way.name}, failed over ${transport}: ${String(error)}`, {
          cause: error,
        })
      }
    }),
  )
}

async function carryOut(order: CrowdOrder): Promise<number> {
  switch (order.type) {
    case 'gather':
      crowd = await gather(order.victim, order.from, order.size)
      return crowd.filter(({ isReady }) => isReady).length
    case 'vanish': {
      const stays = ({ isReady }: Member): boolean => order.areSilentOnesToStay && !isReady
      await Promise.all(crowd.filter((member) => !stays(member)).map(({ peer }) => peer.vanish()))
      crowd = crowd.filter(stays)
      return crowd.length
    }
    case 'be-dropped':
      await Promise.all(crowd.map(({ peer }) => peer.dropped))
      return crowd.length
  }
}

process.on('message', (order: CrowdOrder) => {
  carryOut(order).then(
    (count) => process.send?.({ count } satisfies CrowdAnswer),
    (error: unknown) => process.send?.({ failure: String(error) } satisfies CrowdAnswer),
  )
})
