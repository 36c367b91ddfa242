import { css, type CSSResult } from 'lit'

/** What every element of the page shares. Colours come from the custom properties of page.css. */
export const elementStyles: CSSResult = css`
  :host {
    display: block;
    min-width: 0;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  * {
    box-sizing: border-box;
  }
  section {
    height: 100%;
    padding: 1rem 1.25rem 1.25rem;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--card);
  }
  h2 {
    margin: 0 0 0.5rem;
    color: var(--quiet);
    font:
      600 0.875rem/1.4 system-ui,
      sans-serif;
    letter-spacing: 0.02em;
  }
  p {
    margin: 0.25rem 0;
    overflow-wrap: anywhere;
  }
  .quiet {
    color: var(--quiet);
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  code {
    font-family: var(--mono);
    font-size: 0.9375em;
    overflow-wrap: anywhere;
  }
  button {
    min-height: 2.5rem;
    padding: 0.375rem 1rem;
    border: 1px solid var(--control-line);
    border-radius: 8px;
    background: transparent;
    color: var(--ink);
    font: inherit;
    cursor: pointer;
  }
  button.main {
    border-color: var(--flame);
    background: var(--flame);
    color: var(--on-flame);
    font-weight: 600;
  }
  button:hover {
    border-color: var(--ink);
  }
  input {
    width: 100%;
    min-height: 2.5rem;
    padding: 0.375rem 0.75rem;
    border: 1px solid var(--control-line);
    border-radius: 8px;
    background: var(--ground);
    color: var(--ink);
    font: inherit;
  }
  label {
    display: block;
    margin-bottom: 0.25rem;
  }
  form .row {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem;
  }
  form .row input {
    flex: 1 1 14rem;
  }
  :focus-visible {
    outline: 3px solid var(--flame);
    outline-offset: 2px;
  }
  progress {
    display: block;
    width: 100%;
    height: 0.75rem;
    margin: 0.75rem 0 0.5rem;
    border: 0;
    border-radius: 99px;
    overflow: hidden;
    background: var(--flame-wash);
    accent-color: var(--flame);
    appearance: none;
  }
  progress::-webkit-progress-bar {
    background: var(--flame-wash);
  }
  progress::-webkit-progress-value {
    background: var(--flame);
  }
  progress::-moz-progress-bar {
    background: var(--flame);
  }
  .problem {
    margin-top: 0.75rem;
    padding: 0.5rem 0.75rem;
    border-left: 4px solid var(--bad);
    border-radius: 4px;
    background: var(--bad-wash);
    overflow-wrap: anywhere;
  }
  .problem strong {
    color: var(--bad);
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`
