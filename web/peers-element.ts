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
    css`
      table {
        width: 100%;
        border-collapse: collapse;
        font-variant-numeric: tabular-nums;
      }
      th,
      td {
        padding: 0.5rem 0.75rem 0.5rem 0;
        border-top: 1px solid var(--line);
        text-align: left;
        vertical-align: top;
        font-weight: 400;
      }
      thead th {
        border: 0;
        padding-top: 0;
        color: var(--quiet);
        font-size: 0.875rem;
        white-space: nowrap;
      }
      .agent {
        display: block;
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .strikes {
        color: var(--bad);
        font-weight: 600;
      }
      @media (max-width: 46rem) {
        table,
        tbody,
        tr,
        th,
        td {
          display: block;
        }
        thead {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
        }
        tr {
          padding: 0.75rem 0;
          border-top: 1px solid var(--line);
        }
        tbody th,
        td {
          padding: 0.125rem 0;
          border: 0;
        }
        td {
          display: grid;
          grid-template-columns: 6.5rem 1fr;
        }
        td::before {
          content: attr(data-label) / '';
          color: var(--quiet);
        }
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
