import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import type { LightNode } from '../src/browser.ts'
import { toGatewayUrl } from './address.ts'
import { elementStyles } from './element-styles.ts'
import { shorten } from './format.ts'
import { lookUpGateway } from './gateway.ts'
import { explainConnectFailure, explainLookup, type Problem } from './plain-words.ts'
import { renderProblem } from './problem.ts'

type Outcome =
  { readonly phase: 'ready'; readonly peer: string } | { readonly phase: 'failed'; readonly problem: Problem }
type Attempt = { readonly address: string } & (
  { readonly phase: 'connecting'; readonly controller: AbortController } | Outcome
)

/** What a person can still remember having typed; the page's URL may name several peers. */
const ATTEMPTS_MAX = 4

/** Connect to a peer by multiaddr or gateway URL; says in plain words what became of it. Dispatches `examine` with an address. */
export class RushlightConnect extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    lightNode: { attribute: false },
    attempts: { state: true },
  }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      ul {
        margin: 0.75rem 0 0;
        padding: 0;
        list-style: none;
      }
      li {
        margin-top: 0.5rem;
      }
      .good {
        color: var(--good);
      }
      .pending {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem;
      }
    `,
  ]

  declare lightNode: LightNode | undefined
  declare attempts: readonly Attempt[]

  constructor() {
    super()
    this.attempts = []
  }

  /** Settles when the attempt has; never rejects. The same address again replaces its earlier attempt. */
  async connect(address: string): Promise<void> {
    const lightNode = this.lightNode
    const trimmed = address.trim()
    if (lightNode === undefined || trimmed === '') return
    const controller = new AbortController()
    this.#settle({ address: trimmed, phase: 'connecting', controller })
    const outcome = await reach(lightNode, trimmed, controller.signal)
    if (!controller.signal.aborted) this.#settle({ address: trimmed, ...outcome })
  }

  override render(): TemplateResult {
    return html`<section aria-labelledby="title">
      <h2 id="title">Connect to a peer</h2>
      <form @submit=${this.#submit}>
        <label for="address">Gateway URL or multiaddr</label>
        <div class="row">
          <input
            id="address"
            name="address"
            required
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            aria-describedby="hint"
          />
          <button class="main" type="submit">Connect</button>
        </div>
        <p class="quiet" id="hint">For example https://gateway.example or /dns4/gateway.example/tcp/443/tls/ws</p>
      </form>
      <ul aria-live="polite" aria-label="Connection attempts">
        ${this.attempts.map((attempt) => html`<li>${this.#renderAttempt(attempt)}</li>`)}
      </ul>
    </section>`
  }

  #renderAttempt(attempt: Attempt): TemplateResult | typeof nothing {
    const address = html`<code>${attempt.address}</code>`
    switch (attempt.phase) {
      case 'connecting':
        return html`<div class="pending">
          <span>Connecting to ${address} …</span>
          <button type="button" @click=${() => this.#cancel(attempt)}>Cancel</button>
        </div>`
      case 'ready':
        return html`<span class="good">Connected</span> to ${address}, peer
          <code title=${attempt.peer}>${shorten(attempt.peer)}</code>`
      case 'failed':
        return html`${address} ${renderProblem(attempt.problem)}
          <button type="button" @click=${() => this.#examine(attempt.address)}>Examine this address</button>`
    }
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const input = this.renderRoot.querySelector('input')
    if (input === null) return
    void this.connect(input.value)
    input.value = ''
  }

  #examine(address: string): void {
    this.dispatchEvent(new CustomEvent('examine', { detail: address }))
  }

  #cancel(attempt: Attempt & { readonly phase: 'connecting' }): void {
    attempt.controller.abort()
    this.attempts = this.attempts.filter((other) => other !== attempt)
  }

  #settle(attempt: Attempt): void {
    const others = this.attempts.filter((other) => other.address !== attempt.address)
    this.attempts = [attempt, ...others].slice(0, ATTEMPTS_MAX)
  }
}

async function reach(lightNode: LightNode, address: string, signal: AbortSignal): Promise<Outcome> {
  const url = toGatewayUrl(address)
  const problem = url === undefined ? undefined : await findGatewayProblem(url, lightNode.chain.id)
  if (problem !== undefined) return { phase: 'failed', problem }
  try {
    return { phase: 'ready', peer: await lightNode.connect(url ?? address, { signal }) }
  } catch (error) {
    return { phase: 'failed', problem: explain(error, address) }
  }
}

/** A gateway is looked up before it is dialled: what is wrong with it can then be told better. */
async function findGatewayProblem(url: string, chain: string): Promise<Problem | undefined> {
  const lookup = await lookUpGateway(url)
  if (lookup.type !== 'found') return explainLookup(lookup, url, location)
  if (lookup.gateway.chain === chain) return undefined
  const message = `expected chain ${chain}, got ${lookup.gateway.chain}`
  return explainConnectFailure({ code: 'wrong-chain', message, address: url, page: location })
}

function explain(error: unknown, address: string): Problem {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const message = error instanceof Error ? error.message : String(error)
  return explainConnectFailure({ code, message, address, page: location })
}
