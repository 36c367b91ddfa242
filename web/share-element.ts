import {
  css,
  html,
  LitElement,
  nothing,
  svg,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import type { LightNode, Snapshot } from '../src/browser.ts'
import { copyText } from './copy-text.ts'
import { elementStyles } from './element-styles.ts'
import { sharedLink, type SharedLink } from './share-link.ts'

const REACH_WORDS: Readonly<Record<SharedLink['reach'], string>> = {
  anywhere: 'It works as long as this tab is open.',
  'local-network': 'It works as long as this tab is open, within this local network.',
  'this-machine':
    'It works as long as this tab is open, on this machine only: other machines do not reach this page, or its relay.',
}

/** A scanner wants four light modules around the code. */
const QUIET_MODULES = 4

interface QrCode {
  readonly url: string
  readonly sizeModules: number
  /** An SVG path of the dark modules. */
  readonly path: string
}

/** Where others reach this tab: its addresses, a link, and the link as a QR code. */
export class RushlightShare extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    lightNode: { attribute: false },
    snapshot: { attribute: false },
    code: { state: true },
    said: { state: true },
  }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    css`
      .row {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
      }
      .row input {
        flex: 1 1 14rem;
      }
      .parts {
        display: flex;
        flex-wrap: wrap;
        gap: 1.25rem;
      }
      .parts > div {
        flex: 1 1 16rem;
        min-width: 0;
      }
      svg {
        flex: none;
        width: 12rem;
        height: 12rem;
        border-radius: 8px;
        background: #fff;
        color: #000;
      }
      ul {
        margin: 0.25rem 0 0;
        padding: 0;
        list-style: none;
      }
      summary {
        cursor: pointer;
      }
    `,
  ]

  declare lightNode: LightNode | undefined
  /** Looked at for when to look again. */
  declare snapshot: Snapshot | undefined
  declare code: QrCode | undefined
  declare said: string

  constructor() {
    super()
    this.said = ''
  }

  override render(): TemplateResult {
    const addresses = this.lightNode?.addresses ?? []
    const link = sharedLink(addresses, new URL(location.href))
    if (link !== undefined && this.code?.url !== link.url) void this.#draw(link.url)
    return html`<section aria-labelledby="title">
      <h2 id="title">Share this tab</h2>
      ${link === undefined ? renderUnreachable() : this.#renderLink(link, addresses)}
    </section>`
  }

  #renderLink(link: SharedLink, addresses: readonly string[]): TemplateResult {
    return html`<div class="parts">
      ${this.code?.url === link.url ? renderCode(this.code) : nothing}
      <div>
        <label for="link">Opens this page elsewhere and connects it to this tab</label>
        <div class="row">
          <input
            id="link"
            readonly
            .value=${link.url}
            @focus=${(event: Event) => (event.target as HTMLInputElement).select()}
          />
          <button type="button" class="main" @click=${() => void this.#copy(link.url)}>Copy link</button>
        </div>
        <p class="quiet">${REACH_WORDS[link.reach]} <span role="status">${this.said}</span></p>
        <details>
          <summary>${addresses.length === 1 ? 'Its address' : 'Its addresses'}</summary>
          <ul>
            ${addresses.map((address) => html`<li><code>${address}</code></li>`)}
          </ul>
        </details>
      </div>
    </div>`
  }

  async #copy(url: string): Promise<void> {
    const isCopied = await copyText(url, this.renderRoot.querySelector('input'))
    this.said = isCopied ? 'Copied.' : 'Selected: copy it with the keyboard.'
  }

  /** The encoder is loaded when there is something to encode. */
  async #draw(url: string): Promise<void> {
    const { generate } = await import('lean-qr/nano')
    const code = generate(url)
    let path = ''
    for (let y = 0; y < code.size; y++) {
      for (let x = 0; x < code.size; x++) if (code.get(x, y)) path += `M${x} ${y}h1v1h-1z`
    }
    this.code = { url, sizeModules: code.size, path }
  }
}

function renderUnreachable(): TemplateResult {
  return html`<p class="quiet">
    Nobody can reach this tab yet. It waits for a gateway that relays: over it other tabs find this one, and connect to
    it directly, by WebRTC.
  </p>`
}

function renderCode({ sizeModules, path }: QrCode): TemplateResult {
  const size = sizeModules + 2 * QUIET_MODULES
  return html`<svg
    id="code"
    role="img"
    aria-label="QR code of the link"
    viewBox=${`${-QUIET_MODULES} ${-QUIET_MODULES} ${size} ${size}`}
    shape-rendering="crispEdges"
  >
    ${svg`<path d=${path} fill="currentColor" />`}
  </svg>`
}
