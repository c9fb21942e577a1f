"""Convert the MiniLM sentence model from its published folder to the GGUF that llama.cpp loads.

    minilm_gguf.py FOLDER OUT        (FOLDER holds config.json, vocab.txt, model.safetensors)
"""

import json
import os
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

CONTROL, NORMAL = 3, 1  # llama.cpp's token types
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def gguf_token(token):
    """Rename a WordPiece token: llama.cpp marks a word's start, WordPiece marks its continuation."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[2:] if token.startswith("##") else "\u2581" + token


def write_header(writer, config, vocabulary):
    """Describe the BERT encoder, mean pooling and the WordPiece tokenizer."""
    place = {token: index for index, token in enumerate(vocabulary)}
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_token_list([gguf_token(token) for token in vocabulary])
    writer.add_token_types([CONTROL if token in SPECIAL else NORMAL for token in vocabulary])
    writer.add_pad_token_id(place["[PAD]"])
    writer.add_unk_token_id(place["[UNK]"])
    writer.add_bos_token_id(place["[CLS]"])
    writer.add_sep_token_id(place["[SEP]"])
    writer.add_eos_token_id(place["[SEP]"])
    writer.add_mask_token_id(place["[MASK]"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def write_weights(writer, folder, layers):
    """Copy the encoder's tensors, matrices as 16-bit; the pooler is not used by mean pooling."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, layers)
    for source, tensor in load_file(folder / "model.safetensors").items():
        if "position_ids" in source or source.startswith("pooler"):
            continue
        name = names.get_name(source, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise SystemExit(f"{folder}/model.safetensors: no place in a BERT model for {source}")
        # llama.cpp adds position and type vectors to 32-bit sums and wants them as such.
        added = "position_embd" in name or "token_types" in name
        kind = np.float16 if tensor.ndim == 2 and not added else np.float32
        writer.add_tensor(name, np.ascontiguousarray(tensor.astype(kind)))


def main():
    """Write the file under a draft name, then rename it: a half-written model is never found."""
    folder, out = Path(sys.argv[1]), sys.argv[2]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    draft = out + ".new"
    writer = gguf.GGUFWriter(draft, "bert")
    write_header(writer, config, vocabulary)
    write_weights(writer, folder, config["num_hidden_layers"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(draft, out)


if __name__ == "__main__":
    main()
