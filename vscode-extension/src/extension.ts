/** Called by VS Code when a folder with a sluice.yaml opens. */
export function activate(): void {
  console.info('Sluice: the extension is not built yet; run `sluice validate` in a terminal.');
}
