"""Training: a VAE, a CLIP pair or a StackedDiffusion U-Net, resumable bit for bit after a kill."""
