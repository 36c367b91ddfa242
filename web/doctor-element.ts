import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import {
  describeExamination,
  diagnose,
  type DiagnoseOptions,
  type Examination,
  type ExaminationStep,
} from '../src/browser-doctor.ts'
import { VERSION } from '../src/browser.ts'
import { toGatewayUrl } from './address.ts'
import { copyText } from './copy-text.ts'
import { causeWords } from './doctor-words.ts'
import { elementStyles } from './element-styles.ts'
import { renderProblem } from './problem.ts'

const STEPS: readonly (readonly [step: ExaminationStep, words: string])[] = [
  ['resolved', 'Resolved'],
  ['connected', 'Connected'],
  ['secured', 'Secured'],
  ['handshake', 'Handshake'],
  ['same-chain', 'Same chain'],
]

/** Tries addresses with the transports of this browser, and says how far each came. */
export class RushlightDoctor extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    chain: { attribute: false },
    suggestion: { attribute: false },
    examinations: { state: true },
    running: { state: true },
    said: { state: true },
  }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      section {
        height: auto;
      }
      ol {
        display: flex;
        flex-wrap: wrap;
        gap: 0.25rem 1rem;
        margin: 0.25rem 0;
        padding: 0;
        list-style: none;
      }
      .examinations > li {
        margin-top: 1rem;
      }
      .examinations {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .good {
        color: var(--good);
      }
      .bad {
        color: var(--bad);
      }
      textarea {
        width: 100%;
        min-height: 8rem;
        padding: 0.5rem 0.75rem;
        border: 1px solid var(--control-line);
        border-radius: 8px;
        background: var(--ground);
        color: var(--ink);
        font: 0.8125rem/1.5 var(--mono);
      }
    `,
  ]

  declare chain: DiagnoseOptions['chain']
  /** What the field holds at first. */
  declare suggestion: string
  declare examinations: readonly Examination[]
  declare running: AbortController | undefined
  declare said: string

  constructor() {
    super()
    this.suggestion = ''
    this.examinations = []
    this.said = ''
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.running?.abort()
  }

  /** Never rejects. Ends what was being examined before. */
  async examine(address: string): Promise<void> {
    this.running?.abort()
    this.suggestion = address
    const controller = new AbortController()
    this.running = controller
    this.examinations = []
    this.said = ''
    const { signal } = controller
    const onExamined = (examination: Examination): void => {
      this.examinations = [...this.examinations, examination]
    }
    try {
      const chain = this.chain === undefined ? {} : { chain: this.chain }
      await diagnose([toGatewayUrl(address) ?? address.trim()], { ...chain, signal, onExamined })
    } catch (error) {
      if (!signal.aborted) throw error
    }
    if (this.running === controller) this.running = undefined
  }

  override render(): TemplateResult {
    const { examinations, running } = this
    return html`<section aria-label="Connection doctor">
      <form @submit=${this.#submit}>
        <label for="address">Gateway URL or multiaddr to examine</label>
        <div class="row">
          <input
            id="address"
            required
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            .value=${this.suggestion}
          />
          ${
            running === undefined
              ? html`<button class="main" type="submit">Examine</button>`
              : html`<button type="button" @click=${() => running.abort()}>Cancel</button>`
          }
        </div>
      </form>
      <p role="status" id="summary">${summaryOf(examinations, running !== undefined)}</p>
      <ul class="examinations" aria-label="Addresses examined">
        ${examinations.map(renderExamination)}
      </ul>
      ${running !== undefined || examinations.length === 0 ? nothing : this.#renderReport()}
    </section>`
  }

  #renderReport(): TemplateResult {
    return html`<label for="report">Report, with addresses in it</label>
      <textarea id="report" readonly .value=${reportOf(this.examinations)}></textarea>
      <button type="button" @click=${() => void this.#copy()}>Copy report</button>
      <span role="status">${this.said}</span>`
  }

  async #copy(): Promise<void> {
    const isCopied = await copyText(reportOf(this.examinations), this.renderRoot.querySelector('textarea'))
    this.said = isCopied ? 'Copied.' : 'Selected: copy it with the keyboard.'
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    void this.examine(this.renderRoot.querySelector('input')?.value ?? '')
  }
}

function renderFailure({ cause, message }: NonNullable<Examination['failure']>): TemplateResult {
  const words = causeWords(cause)
  // Nothing is wrong where a gateway has an address for others.
  if (cause === 'no-transport') return html`<p class="quiet">${words.headline} ${words.advice}</p>`
  return renderProblem({ ...words, detail: message })
}

function summaryOf(examinations: readonly Examination[], isRunning: boolean): string {
  const reachableCount = examinations.filter(({ isReachable }) => isReachable).length
  const outcome = `${reachableCount} of ${examinations.length} addresses reachable`
  if (isRunning) return examinations.length === 0 ? 'Trying …' : `${outcome} so far, trying the next …`
  return examinations.length === 0 ? '' : `${outcome}.`
}

function renderExamination(examination: Examination): TemplateResult {
  const { address, steps, failure, peer } = examination
  return html`<li>
    <code>${address}</code>
    <ol>
      ${STEPS.map(([step, words]) => {
        const taken = steps.find((each) => each.step === step)
        if (taken !== undefined) {
          return html`<li class="good">
            <span aria-hidden="true">✓</span> ${words} <span class="number">${taken.durationMs} ms</span>
          </li>`
        }
        if (failure?.step !== step) return nothing
        return html`<li class="bad">
          <span aria-hidden="true">✗</span> ${words}: failed after <span class="number">${failure.durationMs} ms</span>
        </li>`
      })}
    </ol>
    ${peer === undefined ? nothing : html`<p class="quiet">${peer.agent} on ${peer.chain}, height ${peer.height}</p>`}
    ${failure === undefined ? nothing : renderFailure(failure)}
  </li>`
}

/** Pasted into a bug report, it says where it was made. */
function reportOf(examinations: readonly Examination[]): string {
  const { origin } = location
  const where = `Rushlight ${VERSION}, page ${origin} (${isSecureContext ? 'secure' : 'not a secure context'}), ${navigator.userAgent}`
  return [where, ...examinations.map(describeExamination)].join('\n')
}
