import { css, type CSSResult } from 'lit'

/** A table; on a narrow screen each row becomes a card, whose cells say what they are by `data-label`. */
export const tableStyles: CSSResult = css`
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
`
