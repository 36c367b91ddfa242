import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import { keyed } from 'lit/directives/keyed.js'
import type { TransactionOutput, TransactionSummary } from '../src/browser.ts'
import { elementStyles } from './element-styles.ts'
import { formatBytes, formatCoins, formatNumber } from './format.ts'
import { describeScript } from './script-words.ts'
import { tableStyles } from './table-styles.ts'

/** A block may hold 16,666 transactions, one of them thousands of outputs: a page of them is drawn at once. */
const ROWS_PER_PAGE = 50
const OUTPUTS_SHOWN_MAX = 20
const SCRIPT_DIGITS_SHOWN = 32

/** A block's transactions as a table, a page at a time. */
export class RushlightTransactions extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    transactions: { attribute: false },
    first: { state: true },
  }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    tableStyles,
    css`
      nav {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem;
        margin: 0.75rem 0;
      }
      button[aria-disabled='true'] {
        border-color: var(--line);
        color: var(--quiet);
        cursor: default;
      }
      thead th:last-child {
        width: 40%;
      }
      td {
        white-space: nowrap;
      }
      li {
        white-space: normal;
      }
      summary {
        cursor: pointer;
      }
      ul {
        margin: 0.25rem 0;
        padding-left: 1.25rem;
      }
    `,
  ]

  declare transactions: readonly TransactionSummary[]
  declare first: number

  constructor() {
    super()
    this.transactions = []
    this.first = 0
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('transactions')) this.first = 0
  }

  override render(): TemplateResult {
    const page = this.transactions.slice(this.first, this.first + ROWS_PER_PAGE)
    return html`${this.transactions.length > ROWS_PER_PAGE ? this.#renderPager(page.length) : nothing}
      <table role="table" aria-label="Transactions">
        <thead role="rowgroup">
          <tr role="row">
            ${['Transaction', 'Size', 'Outputs'].map((name) => html`<th scope="col" role="columnheader">${name}</th>`)}
          </tr>
        </thead>
        <tbody role="rowgroup">
          ${page.map((transaction) => keyed(transaction.txid, renderTransaction(transaction)))}
        </tbody>
      </table>`
  }

  #renderPager(count: number): TemplateResult {
    const total = this.transactions.length
    const isFirst = this.first === 0
    const isLast = this.first + count === total
    return html`<nav aria-label="Pages of transactions">
      <button type="button" aria-disabled=${isFirst} @click=${() => this.#turn(-ROWS_PER_PAGE)}>Earlier</button>
      <button type="button" aria-disabled=${isLast} @click=${() => this.#turn(ROWS_PER_PAGE)}>Later</button>
      <span class="number" role="status">
        ${formatNumber(this.first + 1)} to ${formatNumber(this.first + count)} of ${formatNumber(total)} transactions
      </span>
    </nav>`
  }

  #turn(by: number): void {
    const first = this.first + by
    if (first >= 0 && first < this.transactions.length) this.first = first
  }
}

function renderTransaction({ index, txid, sizeBytes, outputs }: TransactionSummary): TemplateResult {
  const total = outputs.reduce((sum, { value }) => sum + value, 0n)
  return html`<tr role="row">
    <th scope="row" role="rowheader">
      <span class="quiet">${formatNumber(index)}${index === 0 ? ' (coinbase)' : nothing}</span> <code>${txid}</code>
    </th>
    <td role="cell" data-label="Size">${formatBytes(sizeBytes)}</td>
    <td role="cell" data-label="Outputs">
      <details>
        <summary>${formatCoins(total)} in ${formatNumber(outputs.length)}</summary>
        <ul>
          ${outputs.slice(0, OUTPUTS_SHOWN_MAX).map((output) => html`<li>${renderOutput(output)}</li>`)}
          ${
            outputs.length > OUTPUTS_SHOWN_MAX
              ? html`<li>and ${formatNumber(outputs.length - OUTPUTS_SHOWN_MAX)} more</li>`
              : nothing
          }
        </ul>
      </details>
    </td>
  </tr>`
}

function renderOutput({ value, script }: TransactionOutput): TemplateResult {
  const digits = script.slice(0, SCRIPT_DIGITS_SHOWN)
  return html`${formatCoins(value)} ${describeScript(script)}
    <code class="quiet">${digits}${script.length > digits.length ? '…' : nothing}</code>`
}
