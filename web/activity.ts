/** The last few things that happened, newest first. */
import type { LightNode } from '../src/browser.ts'
import { formatNumber, shorten } from './format.ts'

export interface Activity {
  readonly kind: 'reorg' | 'peer-ready' | 'peer-gone' | 'warning'
  readonly text: string
  /** When it last happened, Unix seconds. */
  readonly time: number
  /** How often in a row. */
  readonly count: number
}

/** A screenful; older ones are of no use to a person. */
const ACTIVITIES_MAX = 12

/** Puts what happened in front. The same thing again is counted, not repeated: a dial that fails every 30 s is one line. */
export function addActivity(
  activities: readonly Activity[],
  happened: { readonly kind: Activity['kind']; readonly text: string; readonly time: number },
): readonly Activity[] {
  const [newest, ...older] = activities
  if (newest !== undefined && newest.kind === happened.kind && newest.text === happened.text) {
    return [{ ...happened, count: newest.count + 1 }, ...older]
  }
  return [{ ...happened, count: 1 }, ...activities].slice(0, ACTIVITIES_MAX)
}

/** Calls back with the whole list after each thing that happens. */
export function watchActivity(lightNode: LightNode, callback: (activities: readonly Activity[]) => void): void {
  let activities: readonly Activity[] = []
  const agents = new Map<string, string>()
  const happened = (kind: Activity['kind'], text: string): void => {
    activities = addActivity(activities, { kind, text, time: Math.floor(Date.now() / 1000) })
    callback(activities)
  }
  lightNode.addEventListener('peer-ready', ({ detail }) => {
    agents.set(detail.peer, detail.agent)
    happened('peer-ready', `Connected to ${namePeer(detail.peer, detail.agent)}`)
  })
  lightNode.addEventListener('peer-gone', ({ detail }) => {
    const name = namePeer(detail.peer, agents.get(detail.peer))
    agents.delete(detail.peer)
    happened('peer-gone', `Lost ${name}: ${detail.reason}`)
  })
  lightNode.addEventListener('reorg', ({ detail }) => happened('reorg', describeReorg(detail)))
  lightNode.addEventListener('warning', ({ detail }) => happened('warning', detail.detail))
}

export function describeReorg(reorg: {
  readonly reverted: readonly { readonly height: number }[]
  readonly adopted: readonly { readonly height: number }[]
}): string {
  const height = reorg.adopted[0]?.height ?? reorg.reverted[0]?.height ?? 0
  const reverted = `${formatNumber(reorg.reverted.length)} ${reorg.reverted.length === 1 ? 'block' : 'blocks'}`
  const adopted = formatNumber(reorg.adopted.length)
  return `Reorganised at height ${formatNumber(height)}: ${reverted} replaced by ${adopted} with more work`
}

function namePeer(peer: string, agent: string | undefined): string {
  return agent === undefined || agent === '' ? shorten(peer) : `${agent} (${shorten(peer)})`
}
