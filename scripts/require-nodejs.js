// Runs before any TypeScript is loaded, so that an old Node.js gives one clear line and no stack.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

// 22.12 is what libp2p needs; 22.18 is the first that runs `.ts` files by itself, as a checkout does.
const needed = major < 22 || (major === 22 && minor < 12) ? '22.12' : major === 22 && minor < 18 ? '22.18' : undefined
if (needed !== undefined) {
  console.error(`rushlight needs Node.js ${needed} or newer, found ${process.versions.node}`)
  process.exit(2)
}
