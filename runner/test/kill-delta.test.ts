import { killLoop } from './kill-loop.ts';

killLoop('delta');
