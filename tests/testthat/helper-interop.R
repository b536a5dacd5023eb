# The models on which other packages are run, each with lme4's fit of the same model beside it.
# Their data are where users have theirs: many packages look for them in the global environment.

interop_data <- function() {
  sleep <- rlmm::sleepstudy
  set.seed(5)
  sleep$dose <- factor(rep(c("low", "high", "none"), 60))
  sleep$w <- stats::runif(nrow(sleep), 0.5, 2)
  sleep$y <- sleep$Reaction + c(0, 12, -9)[sleep$dose]
  sleep$y[c(4, 70)] <- NA
  sleep$dose[100] <- NA
  cake <- lme4::cake
  empty <- cake[!(cake$recipe == "C" & cake$temperature %in% c("175", "185")), ]
  empty$temperature <- factor(as.character(empty$temperature))
  # groups without an order, which nlme's data have
  oats <- as.data.frame(nlme::Oats)
  oats$Block <- factor(oats$Block, ordered = FALSE)
  # groups that vary less than chance would have them
  flat <- data.frame(g = gl(12, 6), treat = gl(3, 2, 72, c("a", "b", "c")), x = stats::rnorm(72))
  flat$y <- stats::resid(stats::lm(stats::rnorm(72) ~ g, flat)) + 0.4 * flat$x
  list(interop_sleep = sleep, interop_cake = cake, interop_empty = empty,
    interop_penicillin = lme4::Penicillin, interop_pigs = rlmm::dietox, interop_oats = oats,
    interop_flat = flat)
}

interop_models <- list(
  slope = quote(lmer(Reaction ~ Days + (Days | Subject), interop_sleep)),
  split = quote(lmer(Reaction ~ Days + (Days || Subject), interop_sleep)),
  cake = quote(lmer(angle ~ recipe * temperature + (1 | recipe:replicate), interop_cake)),
  penicillin = quote(lmer(diameter ~ 1 + (1 | plate) + (1 | sample), interop_penicillin)),
  pigs = quote(lmer(Weight ~ Evit * Time + (Time | Pig), interop_pigs)),
  oats = quote(lmer(yield ~ nitro * Variety + (1 | Block / Variety), interop_oats)),
  singular = quote(lmer(y ~ x + treat + (1 | g), interop_flat)),
  weighted = quote(lmer(y ~ log(Days + 1) + dose + (1 | Subject), interop_sleep, weights = w)),
  deficient = quote(lmer(angle ~ recipe * temperature + (1 | recipe:replicate), interop_empty))
)

# Names of a factor and a covariate of the models, for calls that name a predictor.
interop_factor <- c(cake = "recipe", pigs = "Evit", oats = "Variety", singular = "treat",
  weighted = "dose", deficient = "recipe")
interop_covariate <- c(slope = "Days", split = "Days", pigs = "Time", oats = "nitro",
  singular = "x", weighted = "Days")
with_factor <- names(interop_factor)
with_covariate <- names(interop_covariate)
with_both <- intersect(with_factor, with_covariate)
with_terms <- setdiff(names(interop_models), "penicillin")
full_rank <- setdiff(names(interop_models), "deficient")
# pbkrtest does not know weights: its df for 'weighted' exceed the number of rows.
unweighted <- setdiff(names(interop_models), "weighted")

# The last term of the fixed effects, which can be left out.
predictor_of <- function(x) utils::tail(attr(terms(x), "term.labels"), 1L)

# Our fit and lme4's, at a tight tolerance, of a model of the list.
interop_fits <- function(name) {
  testthat::skip_if_not_installed("lme4")
  key <- paste0("interop_", name)
  if (is.null(shared[[key]])) {
    list2env(interop_data(), globalenv())
    ours <- theirs <- interop_models[[name]]
    ours[[1L]] <- quote(rlmm::rlmm)
    theirs[[1L]] <- quote(lme4::lmer)
    theirs$control <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
    theirs <- suppressMessages(eval(theirs, globalenv()))
    theirs@call$control <- NULL
    shared[[key]] <- list(ours = suppressMessages(eval(ours, globalenv())), theirs = theirs)
  }
  shared[[key]]
}

# The same call, with `x` our fit or lme4's, gives the same; `take` says what of it counts. In the
# call, `f` and `v` are the names of a factor and a covariate of the model.
expect_as_lmer <- function(call, models = names(interop_models), take = identity,
                           tolerance = 1e-4) {
  call <- substitute(call)
  env <- parent.frame()
  for (name in models) {
    fits <- interop_fits(name)
    named <- list(f = unname(interop_factor[name]), v = unname(interop_covariate[name]))
    values <- lapply(fits, function(x) {
      suppressWarnings(suppressMessages(take(eval(call, c(list(x = x), named), env))))
    })
    testthat::expect_equal(values$ours, values$theirs, tolerance = tolerance,
      ignore_attr = TRUE, label = paste0(deparse(call)[1L], " of '", name, "' by rlmm"),
      expected.label = "lmer's")
  }
}

# Either fit as an object of lme4.
both <- function(x) if (inherits(x, "rlmm")) as_merMod(x) else x
