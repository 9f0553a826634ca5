import { createRoot } from 'react-dom/client';
import { Panel } from './panel.tsx';
import './panel.css';
import type { FromPanel } from './protocol.ts';

declare function acquireVsCodeApi(): { postMessage(message: FromPanel): void };

const editor = acquireVsCodeApi();
const ready = (): void => editor.postMessage({ type: 'ready' });
const root = document.getElementById('panel');
if (root) createRoot(root).render(<Panel job={root.dataset.job ?? ''} ready={ready} />);
