import { describe } from 'vitest';
import { noMoto } from '../../core/test/moto.ts';
import { killLoop } from './kill-loop.ts';

describe.skipIf(noMoto)(noMoto ?? 'Delta on S3', () => killLoop('delta_s3'));
