/** What goes wrong with blocks alone; whatever else goes wrong, goes wrong with them too. */
import type { Random } from './random.ts'
import type { SimulatedHost } from './simulated-host.ts'
import type { World } from './world.ts'

export class ExchangeFaults {
  private readonly world: World
  private readonly random: Random
  private isOver = false

  constructor(options: { readonly world: World; readonly random: Random }) {
    this.world = options.world
    this.random = options.random
  }

  /** One fault, now. */
  strike(): void {
    const { random } = this
    const { blocks } = random.pick(this.world.computers)
    switch (random.below(3)) {
      case 0:
        this.resetStream()
        return
      case 1:
        blocks.evictTo(random.below(20))
        return
      default:
        blocks.fault = random.pick(['none', 'reads-fail', 'writes-fail', 'silent'] as const)
        blocks.delayMs = random.pick([0, 100, 3_000, 15_000])
        this.world.time.after(random.between(1_000, 60_000), () => {
          if (this.isOver) return
          blocks.fault = 'none'
          blocks.delayMs = 0
        })
    }
  }

  private resetStream(): void {
    const links = this.world.openLinks()
    if (links.length === 0) return
    const link = this.random.pick(links)
    const end = this.random.chance(0.5) ? link.dialer : link.listener
    if (end.owner.isAlive) (end.owner as SimulatedHost).exchange.resetStream(end)
  }

  /** Ends all of them. */
  heal(): void {
    this.isOver = true
    for (const { blocks } of this.world.computers) {
      blocks.fault = 'none'
      blocks.delayMs = 0
      blocks.capacity = Infinity
    }
  }
}
