import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import type { Head, Snapshot, Trust } from '../src/browser.ts'
import { elementStyles } from './element-styles.ts'
import { formatAge, formatDate, formatNumber, shorten } from './format.ts'

const TRUST_WORDS: Readonly<Record<Trust, { readonly name: string; readonly meaning: string }>> = {
  stored: {
    name: 'Stored',
    meaning: 'Read back from this browser’s own store and not yet verified again. Shown to you, served to nobody.',
  },
  checkpoint: {
    name: 'Checkpoint',
    meaning: 'Verified from here down to a block hash that is built into this page.',
  },
  backfilling: {
    name: 'Checkpoint, filling in',
    meaning: 'Verified down to a built-in block hash; the headers below it are still being verified.',
  },
  genesis: {
    name: 'Verified to genesis',
    meaning: 'This tab checked every header down to the first block: its proof of work, its difficulty and its time.',
  },
  'pow-only': {
    name: 'Proof of work to genesis',
    meaning:
      'This tab checked every header’s proof of work down to the first block. Signet’s signatures are not in headers, so they are not checked.',
  },
}

/** The head: height, root, age, how it came to be believed, and how many peers delivered it. Dispatches `block-chosen` with its root. */
export class RushlightHead extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    snapshot: { attribute: false },
    copyNote: { state: true },
  }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      .height {
        margin: 0;
        font: 600 2rem/1.2 var(--serif);
        font-variant-numeric: lining-nums tabular-nums;
      }
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 0.375rem 1rem;
        margin: 0.75rem 0 0;
      }
      dt {
        color: var(--quiet);
      }
      dd {
        margin: 0;
        min-width: 0;
      }
      button {
        min-height: 1.75rem;
        margin-left: 0.375rem;
        padding: 0 0.625rem;
        font-size: 0.875rem;
      }
    `,
  ]

  declare snapshot: Snapshot | undefined
  declare copyNote: string
  #ticker: ReturnType<typeof setInterval> | undefined

  constructor() {
    super()
    this.copyNote = ''
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#ticker = setInterval(() => this.requestUpdate(), 1000) // the age grows by itself
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#ticker)
  }

  override render(): TemplateResult {
    const snapshot = this.snapshot
    return html`<section aria-labelledby="title">
      <h2 id="title">${snapshot?.head.trust === 'stored' ? 'Stored head' : 'Verified head'}</h2>
      ${snapshot === undefined ? html`<p class="quiet">Not read yet.</p>` : this.#renderHead(snapshot)}
    </section>`
  }

  #renderHead({ head, progress }: Snapshot): TemplateResult {
    const trust = TRUST_WORDS[head.trust]
    const share =
      progress.verifiedShare < 1 ? `, ${Math.floor(100 * progress.verifiedShare)} % of the headers verified` : ''
    return html`<p class="height" id="height">${formatNumber(head.height)}</p>
      <dl>
        <dt>Block</dt>
        <dd>
          <code id="root" title=${head.root}>${shorten(head.root)}</code>
          <button type="button" @click=${this.#copyRoot}>
            Copy<span class="visually-hidden"> the block hash</span>
          </button>
          <button type="button" @click=${this.#open}>Open<span class="visually-hidden"> the block</span></button>
          <span role="status">${this.copyNote}</span>
        </dd>
        <dt>Made</dt>
        <dd>
          <time datetime=${new Date(head.time * 1000).toISOString()} title=${formatDate(head.time)}
            >${formatAge(head.time, Date.now() / 1000)}</time
          >
        </dd>
        <dt>Trust</dt>
        <dd><strong id="trust">${trust.name}${share}</strong><br /><span class="quiet">${trust.meaning}</span></dd>
        <dt>Peers</dt>
        <dd id="confirmed">${renderConfirmedBy(head)}</dd>
      </dl>`
  }

  readonly #open = (): void => {
    this.dispatchEvent(new CustomEvent('block-chosen', { detail: this.snapshot?.head.root, bubbles: true }))
  }

  readonly #copyRoot = async (): Promise<void> => {
    const root = this.snapshot?.head.root
    if (root === undefined) return
    try {
      await navigator.clipboard.writeText(root)
      this.copyNote = 'Copied.'
    } catch {
      // No clipboard on plain-http pages, or permission refused: show all of it, to be copied by hand.
      this.copyNote = root
    }
  }
}

function renderConfirmedBy({ confirmedBy, height }: Head): TemplateResult | typeof nothing {
  if (height === 0) return html`<span class="quiet">The first block is built in.</span>`
  if (confirmedBy === 0) return html`No connected peer has delivered it.`
  if (confirmedBy === 1) {
    return html`Delivered by 1 peer.
      <span class="quiet">A lone peer can hold newer blocks back; connect a second to compare.</span>`
  }
  return html`Delivered by ${formatNumber(confirmedBy)} peers.`
}
