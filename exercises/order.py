"""The order of the exercises and the settings that they share, in the form that marker/catalogue.py reads."""

# The parts of the course in order: (title, folder, exercises in the order in which the lessons ask for them). The
# comment above each part names its lessons. The cases are in no lesson; each follows the part that teaches what it
# needs. An exercise file that is not listed comes last in the last part of its folder.
ORDER = (
    # docs/backprop.md, docs/training.md
    ("The MLP: a derivative at a time", "chapter1", """
        logits softmax loss one_image dlogits dW2_db2 da1 dz1 dW1_db1 update first_weights numerical_gradient
        own_network"""),
    ("Detective work: programs that train badly", "chapter3", """
        case_nan case_batch_size case_flat case_guessing case_sudden case_behind case_strangers case_wears_out
        case_too_good"""),
    # docs/further.md
    ("Further: another activation, a deeper network, weight decay, PyTorch", "chapter2", """
        tanh second_hidden_layer weight_decay torch_gradient"""),
    # docs/autograd.md
    ("The tape: your own autograd", "chapter5", """
        tape_product tape_accumulate tape_order tape_backward tape_broadcast tape_relu tape_max tape_matmul
        tape_train"""),
    ("Detective work on a tape: ours, and PyTorch's", "chapter3", """
        case_coin case_restless case_floor"""),
    # docs/resnet.md
    ("The ResNet: convolution, normalisation, shortcut", "chapter2", """
        conv_dW conv_dx batch_norm_dx shortcut"""),
    ("Detective work on normalisation: a network in a test", "chapter3", """
        case_one_at_a_time"""),
    # docs/transformer.md
    ("The transformer: normalisation, softmax, attention", "chapter4", """
        layer_norm_dx softmax_backward attention"""),
    # docs/writing.md, docs/sampling.md
    ("The GPT: a network that writes", "chapter6", """
        k_means bigram embedding_backward positions_backward next_targets text_loss causal_mask causal_backward
        next_word kept_keys own_gpt"""),
    ("Detective work on a text: a network that writes", "chapter3", """
        case_writer"""),
    # docs/nanogpt.md
    ("From here to nanoGPT: heads, dropout, GELU, and how it is trained", "chapter7", """
        split_heads merge_heads dropout gelu tied_weights adamw learning_rate accumulate clip_norm
        own_block"""),
    # docs/llama.md
    ("From nanoGPT to a model that people use: RMSNorm, rotary positions, shared keys, SwiGLU", "chapter8", """
        rms_norm_dx rotate shared_keys_backward swiglu_dx merge_tokens top_p
        lora_backward"""),
)  # fmt: skip

# {letter: what it counts}, unless an exercise file says otherwise. A mean is taken over the first.
COUNTS = {
    "B": "images", "H": "hidden units", "h": "heads", "T": "patches", "C": "channels", "d": "channels of a head",
    "O": "channels out", "height": "rows of pixels", "width": "columns of pixels",
}  # fmt: skip

# Optional names in an exercise file, with their defaults: ON_DIGITS, a sentence about real digits that is shown once
# the exercise is passed; READS, whether the learner's network can read pictures.
SAYS = {"ON_DIGITS": "", "READS": False}
