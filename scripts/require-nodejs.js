// Runs before any TypeScript is loaded, so that an old Node.js gives one clear line and no stack.
const { node } = process.versions
const [major = 0, minor = 0] = node.split('.').map(Number)

// 22.18 is the first that runs `.ts` files by itself, as a checkout does. The package needs 22.12.
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`a checkout of rushlight needs Node.js 22.18 or newer, found ${node}: npm install brings the right one`)
  process.exit(2)
}
