/** Rows as lines, each column as wide as its widest cell, indented by two. */
export function alignColumns(table: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number): number => Math.max(...table.map((row) => row[column]?.length ?? 0))
  return table.map((row) => `  ${row.map((cell, column) => cell.padEnd(width(column))).join('  ')}`.trimEnd())
}
