import {
  css,
  html,
  LitElement,
  nothing,
  type CSSResultGroup,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import type { PeerSnapshot, Snapshot } from '../src/browser.ts'
import { elementStyles } from './element-styles.ts'
import { formatBytes, formatNumber, shorten } from './format.ts'
import { tableStyles } from './table-styles.ts'

const STATE_WORDS: Readonly<Record<PeerSnapshot['state'], string>> = {
  connecting: 'Connecting',
  ready: 'Ready',
  'exchange-only': 'Blocks only',
  closing: 'Closing',
}

/** The peers as a table; on a narrow screen each row becomes a card. */
export class RushlightPeers extends LitElement {
  static override readonly properties: PropertyDeclarations = { snapshot: { attribute: false } }
  static override readonly styles: CSSResultGroup = [
    elementStyles,
    tableStyles,
    css`
      .agent {
        display: block;
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .strikes {
        color: var(--bad);
        font-weight: 600;
      }
    `,
  ]

  declare snapshot: Snapshot | undefined

  override render(): TemplateResult {
    const peers = this.snapshot?.peers ?? []
    return html`<section aria-labelledby="title">
      <h2 id="title">Peers${peers.length === 0 ? nothing : html` (${formatNumber(peers.length)})`}</h2>
      ${
        peers.length === 0
          ? html`<p class="quiet">No peers yet. Without one, the head above is all this tab knows.</p>`
          : renderTable(peers)
      }
    </section>`
  }
}

function renderTable(peers: readonly PeerSnapshot[]): TemplateResult {
  return html`<table role="table" aria-labelledby="title">
    <thead role="rowgroup">
      <tr role="row">
        ${['Peer', 'Link', 'Their head', 'Latency', 'In / out', 'State', 'Strikes'].map(
          (name) => html`<th scope="col" role="columnheader">${name}</th>`,
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${peers.map(renderPeer)}
    </tbody>
  </table>`
}

/** The roles are spelled out because a table laid out as blocks loses them in some browsers. */
function renderPeer(peer: PeerSnapshot): TemplateResult {
  const head = peer.head
  return html`<tr role="row">
    <th scope="row" role="rowheader">
      <span class="agent">${peer.agent ?? 'Not introduced yet'}</span>
      <code class="quiet" title=${peer.id}>${shorten(peer.id)}</code>
    </th>
    <td role="cell" data-label="Link" title=${peer.address}>${peer.transport}, ${peer.direction}</td>
    <td role="cell" data-label="Their head">
      ${head === undefined ? '–' : html`<span title=${head.root}>${formatNumber(head.height)}</span>`}
    </td>
    <td role="cell" data-label="Latency">
      ${peer.latencyMs === undefined ? '–' : `${formatNumber(Math.round(peer.latencyMs))} ms`}
    </td>
    <td role="cell" data-label="In / out">${formatBytes(peer.bytesIn)} / ${formatBytes(peer.bytesOut)}</td>
    <td role="cell" data-label="State">${peer.isSyncPeer ? 'Sending headers' : STATE_WORDS[peer.state]}</td>
    <td role="cell" data-label="Strikes" class=${peer.strikes > 0 ? 'strikes' : ''}>${peer.strikes}</td>
  </tr>`
}
