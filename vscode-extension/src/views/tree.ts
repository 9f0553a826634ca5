import * as vscode from 'vscode';

export interface Tree {
  refresh(): void;
  /** A number at the view; 0: none. */
  badge(value: number, tooltip: string): void;
  /** A text beside the title. */
  describe(text: string): void;
  /** A sentence above the lines; empty: none. */
  tell(text: string): void;
  isVisible(): boolean;
}

export interface TreeParts<Item> {
  roots(): Promise<Item[]> | Item[];
  children(item: Item): Promise<Item[]> | Item[];
  item(item: Item): vscode.TreeItem;
}

/**
 * A view is drawn again at most this often: a run tells of itself several times a second, and a button of a line that is drawn
 * anew while it is pressed does nothing.
 */
const REDRAW_MS = 1_000;

/** A view that is built from functions. */
export function viewOf<Item>(
  context: vscode.ExtensionContext,
  id: string,
  parts: TreeParts<Item>,
  onVisible: () => void = () => {},
): Tree {
  const changed = new vscode.EventEmitter<undefined>();
  let waiting: NodeJS.Timeout | undefined;
  let drawn = 0;
  const view = vscode.window.createTreeView<Item>(id, {
    showCollapseAll: false,
    treeDataProvider: {
      onDidChangeTreeData: changed.event,
      getTreeItem: (item) => parts.item(item),
      getChildren: (item) => (item === undefined ? parts.roots() : parts.children(item)),
    },
  });
  context.subscriptions.push(
    changed,
    { dispose: () => clearTimeout(waiting) },
    view,
    view.onDidChangeVisibility(({ visible }) => {
      if (visible) onVisible();
    }),
  );
  return {
    refresh: () => {
      const draw = () => {
        waiting = undefined;
        drawn = performance.now();
        changed.fire(undefined);
      };
      waiting ??= setTimeout(draw, Math.max(0, drawn + REDRAW_MS - performance.now()));
    },
    badge: (value, tooltip) => {
      view.badge = value === 0 ? undefined : { value, tooltip };
    },
    describe: (text) => {
      view.description = text;
    },
    tell: (text) => {
      view.message = text;
    },
    isVisible: () => view.visible,
  };
}
