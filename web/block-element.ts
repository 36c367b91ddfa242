import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import { decodeHeader, type DecodedHeader } from '../src/bitcoin.ts'
import type { LightNode, Snapshot, TransactionSummary } from '../src/browser.ts'
import { elementStyles } from './element-styles.ts'
import { formatBytes, formatDate, formatNumber } from './format.ts'
import { explainBlockFailure, type Problem } from './plain-words.ts'
import { renderProblem } from './problem.ts'
import { abortWhenSilent } from './silence.ts'

const HEADER_SIZE_BYTES = 80
/** Longer than a block's largest transaction takes on a slow line. */
const SILENCE_MS = 30_000

/** A header, and where it stands in what this tab has verified; `height` undefined where it is not part of it. */
interface ShownHeader extends DecodedHeader {
  readonly height: number | undefined
  readonly isOnBestChain: boolean
}

type Content =
  | { readonly phase: 'asking'; readonly controller: AbortController }
  | { readonly phase: 'here'; readonly sizeBytes: number; readonly transactions: readonly TransactionSummary[] }
  | { readonly phase: 'headers-only' }
  | { readonly phase: 'failed'; readonly problem: Problem }

/** Opens a block by height or hash: its header at once, its transactions from peers. */
export class RushlightBlock extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    lightNode: { attribute: false },
    snapshot: { attribute: false },
    isPractice: { attribute: false },
    silenceMs: { attribute: false },
    header: { state: true },
    content: { state: true },
  }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      h3 {
        margin: 1rem 0 0;
        font: 600 1.5rem/1.2 var(--serif);
        font-variant-numeric: lining-nums tabular-nums;
      }
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 0.25rem 1rem;
        margin: 0.5rem 0;
      }
      dt {
        color: var(--quiet);
      }
      dd {
        margin: 0;
        min-width: 0;
      }
      dd button {
        min-height: 1.75rem;
        padding: 0 0.625rem;
        font-size: 0.875rem;
      }
      .asking {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem;
        margin: 0.75rem 0;
      }
    `,
  ]

  declare lightNode: LightNode | undefined
  declare snapshot: Snapshot | undefined
  /** Nobody has this chain's blocks, as it has none. */
  declare isPractice: boolean
  /** An asking ends when no part came for so long. */
  declare silenceMs: number
  declare header: ShownHeader | undefined
  declare content: Content | undefined

  constructor() {
    super()
    this.isPractice = false
    this.silenceMs = SILENCE_MS
  }

  /** Settles when the block is here or given up; never rejects. Whatever was being asked for is not any more. */
  async open(text: string, options: { readonly isFocused?: boolean } = {}): Promise<void> {
    const { lightNode } = this
    const place = readPlace(text)
    if (lightNode === undefined) return
    this.#cancel()
    this.header = undefined
    if (place === undefined) return this.#fail('invalid-place', text)
    const record = await lightNode.getHeader(place)
    if (record !== undefined) this.header = { ...record, ...decodeHeader(record.bytes) }
    if (options.isFocused === true) void this.#showOpened()
    if (record === undefined && typeof place === 'number') {
      return this.#fail('unknown-height', `the head is at ${formatNumber(lightNode.head.height)}`)
    }
    if (this.isPractice) this.content = { phase: 'headers-only' }
    else await this.#fetch(lightNode, record?.root ?? place)
  }

  override render(): TemplateResult {
    return html`<section aria-labelledby="title">
      <h2 id="title">Open a block</h2>
      <form @submit=${this.#submit}>
        <label for="place">Height or block hash</label>
        <div class="row">
          <input id="place" name="place" required autocomplete="off" autocapitalize="off" spellcheck="false" />
          <button class="main" type="submit">Open</button>
        </div>
      </form>
      ${this.header === undefined ? nothing : this.#renderHeader(this.header)}
      <div role="status">${this.#renderOutcome()}</div>
      ${this.content?.phase === 'asking' ? this.#renderAsking() : nothing}
      ${
        this.content?.phase === 'here'
          ? html`<rushlight-transactions .transactions=${this.content.transactions}></rushlight-transactions>`
          : nothing
      }
    </section>`
  }

  #renderHeader(header: ShownHeader): TemplateResult {
    const { height, root, time, parent, merkleRoot, bits, nonce, version } = header
    return html`<h3 id="opened" tabindex="-1">
        ${height === undefined ? 'Block of unknown height' : `Block ${formatNumber(height)}`}
      </h3>
      <p class="quiet">${describePlace(header)}</p>
      <dl>
        <dt>Hash</dt>
        <dd><code>${root}</code></dd>
        <dt>Time</dt>
        <dd><time datetime=${new Date(time * 1000).toISOString()}>${formatDate(time)}</time></dd>
        <dt>Previous</dt>
        <dd>
          <code>${parent}</code>
          ${
            height === 0
              ? nothing
              : html`<button type="button" @click=${() => this.open(parent)}>
                  Open<span class="visually-hidden"> the previous block</span>
                </button>`
          }
        </dd>
        <dt>Merkle root</dt>
        <dd><code>${merkleRoot}</code></dd>
        <dt>Bits</dt>
        <dd><code>${hex(bits)}</code></dd>
        <dt>Nonce</dt>
        <dd class="number">${formatNumber(nonce)}</dd>
        <dt>Version</dt>
        <dd><code>${hex(version)}</code></dd>
      </dl>`
  }

  /** Read out once for each phase, not at every part. */
  #renderOutcome(): TemplateResult | typeof nothing {
    const { content } = this
    switch (content?.phase) {
      case undefined:
        return nothing
      case 'asking':
        return html`<p>Asking peers for the transactions …</p>`
      case 'here':
        return html`<p id="content">
          ${formatNumber(content.transactions.length)}
          ${content.transactions.length === 1 ? 'transaction' : 'transactions'}, ${formatBytes(content.sizeBytes)}, each
          checked against the header.
        </p>`
      case 'headers-only':
        return html`<p id="content">This practice chain has headers only: its blocks hold no transactions.</p>`
      case 'failed':
        return renderProblem(content.problem)
    }
  }

  #renderAsking(): TemplateResult {
    const { exchange, peers = [] } = this.snapshot ?? {}
    const count = exchange?.wantCount ?? 0
    return html`<div class="asking">
      <span class="number" id="progress">
        ${formatNumber(peers.length)} ${peers.length === 1 ? 'peer' : 'peers'} to ask, ${formatNumber(count)}
        ${count === 1 ? 'part' : 'parts'} still to come
      </span>
      <button type="button" @click=${this.#cancel}>Cancel</button>
    </div>`
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const input = this.renderRoot.querySelector('input')
    if (input !== null) void this.open(input.value)
  }

  readonly #cancel = (): void => {
    if (this.content?.phase === 'asking') this.content.controller.abort()
    this.content = undefined
  }

  async #fetch(lightNode: LightNode, place: string | number): Promise<void> {
    this.#cancel()
    const controller = new AbortController()
    this.content = { phase: 'asking', controller }
    const endWatch = abortWhenSilent({ lightNode, controller, silenceMs: this.silenceMs })
    const isCurrent = (): boolean => this.content?.phase === 'asking' && this.content.controller === controller
    try {
      const block = await lightNode.getBlock(place, { signal: controller.signal })
      if (!isCurrent()) return
      this.header = { ...block, ...decodeHeader(block.bytes.subarray(0, HEADER_SIZE_BYTES)) }
      this.content = { phase: 'here', sizeBytes: block.bytes.length, transactions: block.transactions }
    } catch (error) {
      if (isCurrent()) this.#fail(codeOf(error), error instanceof Error ? error.message : String(error))
    } finally {
      endWatch()
    }
  }

  #fail(code: string | undefined, message: string): void {
    this.content = { phase: 'failed', problem: explainBlockFailure({ code, message }) }
  }

  async #showOpened(): Promise<void> {
    await this.updateComplete
    this.scrollIntoView()
    this.renderRoot.querySelector<HTMLElement>('#opened')?.focus()
  }
}

/** A height, with or without separators, or a hash; undefined for anything else. */
function readPlace(text: string): number | string | undefined {
  const trimmed = text.trim()
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return trimmed.toLowerCase()
  const digits = trimmed.replaceAll(/[,. ]/g, '')
  return /^\d{1,10}$/.test(digits) ? Number(digits) : undefined
}

function describePlace({ height, isOnBestChain }: ShownHeader): string {
  if (height === undefined) return 'Its header is not among those that this tab has verified.'
  return isOnBestChain ? 'On the best chain that this tab has verified.' : 'Verified, but on a side branch.'
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
