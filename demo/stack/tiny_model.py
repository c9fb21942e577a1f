"""Write a tiny llama model with random weights: nonsense answers by the very same server code.

    tiny_model.py OUT [--layers 2] [--width 128]

It lets a test, or a demo of network effects, run without the seconds that a real model computes.
Layers and width set the time per token. The seed is fixed: every machine gets the same file.
"""

import argparse
import os

import gguf
import numpy as np

WORDS = (
    "net queue packet kernel socket token vector index shard model cache batch stream retry drop "
    "pace flow wire tail hop"
).split()
CONTROL, BYTE, NORMAL, UNKNOWN = 3, 6, 1, 2  # llama.cpp's token types
HEAD_WIDTH = 64


def vocabulary():
    """Return tokens, scores and types: three control tokens, every byte, a few words."""
    tokens = [b"<unk>", b"<s>", b"</s>"]
    tokens += [f"<0x{value:02X}>".encode() for value in range(256)]
    tokens += [("\u2581" + word).encode() for word in WORDS]
    scores = [0.0] * 3 + [-1e4] * 256 + [-float(rank) for rank in range(len(WORDS))]
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * len(WORDS)
    return tokens, scores, kinds


def write_header(writer, layers, width):
    """Describe the architecture and the tokenizer."""
    tokens, scores, kinds = vocabulary()
    heads = width // HEAD_WIDTH
    writer.add_context_length(2048)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(4 * width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }} {% endfor %}")
    return len(tokens)


def write_weights(writer, layers, width, tokens):
    """Fill every tensor with seeded noise, the output so that only words are ever chosen."""
    noise = np.random.default_rng(7)

    def random(*shape):
        return (noise.standard_normal(shape) * 0.08).astype(np.float32)

    output = random(tokens, width) * 8
    # Rows of zeros lose against the best of twenty words: no end of text, no broken bytes.
    output[: tokens - len(WORDS)] = 0
    writer.add_tensor("token_embd.weight", random(tokens, width))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    writer.add_tensor("output.weight", output)
    wide = 4 * width
    shapes = {"attn_q": (width, width), "attn_k": (width, width), "attn_v": (width, width)}
    shapes |= {"attn_output": (width, width), "ffn_gate": (wide, width)}
    shapes |= {"ffn_up": (wide, width), "ffn_down": (width, wide)}
    for layer in range(layers):
        for name, shape in shapes.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", random(*shape))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(width, np.float32))


def main():
    """Write the file under a draft name, then rename it: a half-written model is never found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=128, help=f"a multiple of {HEAD_WIDTH}")
    options = parser.parse_args()
    draft = options.out + ".new"
    writer = gguf.GGUFWriter(draft, "llama")
    tokens = write_header(writer, options.layers, options.width)
    write_weights(writer, options.layers, options.width, tokens)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(draft, options.out)


if __name__ == "__main__":
    main()
