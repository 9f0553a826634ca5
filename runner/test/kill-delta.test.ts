import { describe } from 'vitest';
import { noMoto } from '../../core/test/moto.ts';
import { killLoop } from './kill-loop.ts';

describe('on a disk', () => killLoop('delta'));
describe.skipIf(noMoto)(noMoto ?? 'in a store', () => killLoop('delta_s3'));
