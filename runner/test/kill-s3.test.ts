import { describe } from 'vitest';
import { noMoto } from '../../core/test/moto.ts';
import { killLoop } from './kill-loop.ts';

describe.skipIf(noMoto)(noMoto ?? 'S3', () => killLoop('s3'));
