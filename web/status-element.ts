import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import type { Snapshot, Status } from '../src/browser.ts'
import { elementStyles } from './element-styles.ts'
import { asSentence, formatDuration, formatNumber } from './format.ts'

const STATUS_WORDS: Readonly<Record<Status, string>> = {
  starting: 'Starting',
  connecting: 'Connecting',
  syncing: 'Syncing',
  synced: 'Synced',
  stale: 'Quiet',
  offline: 'Offline',
  stopped: 'Stopped',
}

/** What one can do about it, or what to make of it. */
const STATUS_ADVICE: Readonly<Record<Status, string>> = {
  starting: 'Headers that this browser kept are being read back and verified again.',
  connecting: 'Looking for the gateway and for peers.',
  syncing: 'Headers are fetched from peers and checked in this tab, one by one: a wrong one is refused at once.',
  synced: 'Every header up to the head was checked in this tab. New ones are checked as they arrive.',
  stale:
    'In step with every peer, but the newest block is older than it should be. Blocks may be slow, or the peers may be cut off: a second peer would tell.',
  offline:
    'The light node keeps trying by itself: the next try comes within about 30 seconds. Check that the gateway runs and that this machine is online, or connect another peer below. What was verified stays.',
  stopped: 'Load the page again to start the light node.',
}

/** Status in words with its reason, and while syncing a progress bar, the rate and the time left. */
export class RushlightStatus extends LitElement {
  static override readonly properties: PropertyDeclarations = { snapshot: { attribute: false } }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      .word {
        display: flex;
        align-items: center;
        gap: 0.625rem;
        margin: 0;
        font: 600 2rem/1.2 var(--serif);
      }
      .dot {
        width: 0.75rem;
        height: 0.75rem;
        border: 2px solid currentColor;
        border-radius: 50%;
        color: var(--quiet);
      }
      .syncing .dot,
      .connecting .dot,
      .starting .dot {
        color: var(--flame);
      }
      .synced .dot {
        background: currentColor;
        color: var(--good);
      }
      .stale .dot {
        background: currentColor;
        color: var(--flame);
      }
      .offline .dot {
        color: var(--bad);
      }
      .offline .word {
        color: var(--bad);
      }
    `,
  ]

  declare snapshot: Snapshot | undefined
  /** Read out when the word changes, not at every header. */
  #announcement = ''
  #announcedStatus: Status | undefined

  protected override willUpdate(): void {
    if (this.snapshot === undefined) return
    const { status, statusReason } = this.snapshot
    // Each new try turns offline into connecting and back; once is enough to hear it.
    const isNextTry = this.#announcedStatus === 'offline' && status === 'connecting'
    if (status === this.#announcedStatus || isNextTry) return
    this.#announcedStatus = status
    this.#announcement = `${STATUS_WORDS[status]}. ${asSentence(statusReason)}`
  }

  override render(): TemplateResult {
    const snapshot = this.snapshot
    const status = snapshot?.status ?? 'starting'
    return html`<section aria-labelledby="title" class=${status}>
      <h2 id="title">Status</h2>
      <p class="visually-hidden" role="status">${this.#announcement}</p>
      <p class="word"><span class="dot" aria-hidden="true"></span><span id="word">${STATUS_WORDS[status]}</span></p>
      <p id="reason">${asSentence(snapshot?.statusReason ?? '')}</p>
      ${snapshot === undefined ? nothing : renderProgress(snapshot)}
      <p class="quiet">${STATUS_ADVICE[status]}</p>
    </section>`
  }
}

function renderProgress({ status, progress }: Snapshot): TemplateResult | typeof nothing {
  const { target, verified, headersPerSecond } = progress
  if (status !== 'syncing' || target === undefined || target <= verified) return nothing
  const percent = Math.floor((100 * verified) / target)
  const rate = headersPerSecond > 0 ? `${formatNumber(Math.round(headersPerSecond))} headers/s` : undefined
  const left =
    headersPerSecond > 0 ? `${formatDuration(Math.max(1, (target - verified) / headersPerSecond))} left` : undefined
  return html`<progress max=${target} .value=${verified} aria-label="Headers verified"></progress>
    <p class="number" id="progress">
      ${percent} % · ${formatNumber(verified)} of ${formatNumber(target)} headers
      ${[rate, left].filter((part) => part !== undefined).map((part) => html`<span> · ${part}</span>`)}
    </p>`
}
