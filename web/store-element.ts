import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import type { Snapshot, StoreSnapshot } from '../src/browser.ts'
import { elementStyles } from './element-styles.ts'
import { asSentence, formatBytes, formatNumber } from './format.ts'

const KIND_WORDS: Readonly<Record<StoreSnapshot['kind'], string>> = {
  memory: 'in memory only, gone when this tab closes',
  indexeddb: 'in this browser (IndexedDB)',
  files: 'in files',
}

/** Where headers are kept, how many, and why none are written when none are; what is kept of blocks, and was served to others. */
export class RushlightStore extends LitElement {
  static override readonly properties: PropertyDeclarations = { snapshot: { attribute: false } }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      section {
        padding: 0.75rem 1.25rem;
      }
      h2 {
        display: inline;
      }
      p {
        display: inline;
      }
      .reason {
        color: var(--flame);
      }
    `,
  ]

  declare snapshot: Snapshot | undefined

  override render(): TemplateResult | typeof nothing {
    if (this.snapshot === undefined) return nothing
    const { store, exchange } = this.snapshot
    const { storedBlocks, storedBytes, blocksSent, bytesSent } = exchange
    return html`<section aria-labelledby="title">
      <h2 id="title">Store</h2>
      <p>
        ${formatNumber(store.headerCount)} ${store.headerCount === 1 ? 'header' : 'headers'},
        ${formatBytes(store.sizeBytes)}, ${KIND_WORDS[store.kind]}.
        ${store.reason === undefined ? nothing : html`<span class="reason" id="reason">${asSentence(store.reason)}</span>`}
        Blocks: ${formatParts(storedBlocks)}, ${formatBytes(storedBytes)}.
        <span id="served">Served to others: ${formatParts(blocksSent)}, ${formatBytes(bytesSent)}.</span>
      </p>
    </section>`
  }
}

/** What travels and is kept one by one: transactions, and the nodes of a block's trees. */
function formatParts(count: number): string {
  return `${formatNumber(count)} ${count === 1 ? 'part' : 'parts'}`
}
