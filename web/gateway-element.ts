import { html, LitElement, nothing, type CSSResultGroup, type PropertyDeclarations, type TemplateResult } from 'lit'
import { toGatewayUrl } from './address.ts'
import { elementStyles } from './element-styles.ts'
import { lookUpGateway, type Gateway } from './gateway.ts'
import { explainLookup, type Problem } from './plain-words.ts'
import { renderProblem } from './problem.ts'

/** Asks for a gateway where the page was not served by one. Dispatches `gateway-chosen` with the gateway as detail. */
export class RushlightGateway extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    problem: { attribute: false },
    suggestion: { attribute: false },
    isLooking: { state: true },
  }
  static override readonly styles: CSSResultGroup = elementStyles

  declare problem: Problem | undefined
  /** What the field holds at first. */
  declare suggestion: string
  declare isLooking: boolean

  constructor() {
    super()
    this.suggestion = ''
    this.isLooking = false
  }

  override render(): TemplateResult {
    return html`<section aria-labelledby="title">
      <h2 id="title">Choose a gateway</h2>
      <p>
        This page was not served by a gateway, so it needs one to fetch headers from. Every header is verified here, in
        this tab. A gateway that lies is found out; one that holds back is not, so connect more than one peer.
      </p>
      <form @submit=${this.#submit}>
        <label for="url">Gateway URL</label>
        <div class="row">
          <input
            id="url"
            required
            inputmode="url"
            autocomplete="url"
            autocapitalize="off"
            spellcheck="false"
            placeholder="https://gateway.example"
            .value=${this.suggestion}
          />
          <button class="main" type="submit" aria-disabled=${this.isLooking}>Use it</button>
        </div>
      </form>
      <div role="status">
        ${this.isLooking ? html`<p>Asking the gateway …</p>` : nothing}
        ${this.problem === undefined ? nothing : renderProblem(this.problem)}
      </div>
    </section>`
  }

  readonly #submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const text = this.renderRoot.querySelector('input')?.value ?? ''
    const url = toGatewayUrl(text)
    if (this.isLooking) return
    if (url === undefined) {
      this.problem = {
        headline: 'That is not a gateway’s URL.',
        advice: 'It looks like https://gateway.example. Multiaddrs can be connected once the page runs.',
        detail: '',
      }
      return
    }
    this.problem = undefined
    this.isLooking = true
    const lookup = await lookUpGateway(url)
    this.isLooking = false
    if (lookup.type !== 'found') this.problem = explainLookup(lookup, url, location)
    else this.dispatchEvent(new CustomEvent<Gateway>('gateway-chosen', { detail: lookup.gateway }))
  }
}
