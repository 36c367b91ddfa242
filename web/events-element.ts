import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import type { Activity } from './activity.ts'
import { elementStyles } from './element-styles.ts'
import { formatAge, formatNumber } from './format.ts'

const KIND_WORDS: Readonly<Record<Activity['kind'], string>> = {
  reorg: 'Reorg',
  'peer-ready': 'Peer',
  'peer-gone': 'Peer',
  warning: 'Warning',
}

/** The last few reorgs, peers that came and went, and warnings. */
export class RushlightEvents extends LitElement {
  static override readonly properties: PropertyDeclarations = { activities: { attribute: false } }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      ol {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: 5rem 1fr max-content;
        gap: 0 0.5rem;
        padding: 0.375rem 0;
        border-top: 1px solid var(--line);
        overflow-wrap: anywhere;
      }
      li:first-child {
        border: 0;
      }
      @media (max-width: 30rem) {
        li {
          grid-template-columns: 5rem 1fr;
        }
        li > :last-child {
          grid-column: 2;
        }
      }
      .kind {
        color: var(--quiet);
      }
      .reorg .kind,
      .warning .kind {
        color: var(--flame);
        font-weight: 600;
      }
    `,
  ]

  declare activities: readonly Activity[]
  #ticker: ReturnType<typeof setInterval> | undefined

  constructor() {
    super()
    this.activities = []
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#ticker = setInterval(() => this.requestUpdate(), 10_000) // ages grow by themselves
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#ticker)
  }

  override render(): TemplateResult {
    const nowSeconds = Date.now() / 1000
    return html`<section aria-labelledby="title">
      <h2 id="title">What happened</h2>
      ${
        this.activities.length === 0
          ? html`<p class="quiet">Nothing yet. Reorganisations, peers and warnings show up here.</p>`
          : html`<ol>
              ${this.activities.map((activity) => renderActivity(activity, nowSeconds))}
            </ol>`
      }
    </section>`
  }
}

function renderActivity(activity: Activity, nowSeconds: number): TemplateResult {
  return html`<li class=${activity.kind}>
    <span class="kind">${KIND_WORDS[activity.kind]}</span>
    <span>
      ${activity.text}${activity.count > 1 ? html` <span class="quiet">(${formatNumber(activity.count)} times)</span>` : nothing}
    </span>
    <span class="quiet">${formatAge(activity.time, nowSeconds)}</span>
  </li>`
}
