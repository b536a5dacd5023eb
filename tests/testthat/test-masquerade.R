test_that("calls of lmer() run as they are", {
  env <- new.env(parent = globalenv())
  eval(quote({
    rlmm::masquerade()
    d <- rlmm::sleepstudy
    d$w <- seq_len(nrow(d)) / 90
    fit <- lmer(Reaction ~ Days + (Days | Subject), d, weights = w, subset = Days > 1, REML = FALSE)
    local_fit <- function(data) lmer("Reaction ~ Days + (1 | Subject)", data = data)
    other <- local_fit(d)
  }), env)
  expect_setequal(ls(env), c("lmer", "lmerControl", "d", "fit", "local_fit", "other"))
  direct <- rlmm(Reaction ~ Days + (Days | Subject), env$d, weights = w, subset = Days > 1,
    REML = FALSE)
  expect_equal(env$fit$theta, direct$theta)
  expect_equal(env$fit$call[[1]], quote(rlmm::rlmm))
  expect_s3_class(eval(quote(update(fit, REML = TRUE)), env), "rlmm")
  expect_s3_class(env$other, "rlmm")
  expect_error(eval(quote(lmer(Reaction ~ Days + (1 | Subject), d, family = binomial)), env),
    class = "rlmm_family")
})

test_that("lmerControl() is translated", {
  env <- new.env(parent = globalenv())
  masquerade(env)
  expect_message(control <- env$lmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e5),
    check.nobs.vs.nlev = "ignore", check.rankX = "stop.deficient"), class = "rlmm_ignored_setting")
  expect_s3_class(control, "rlmm_control")
  expect_equal(control$check$nobs_vs_nlev, "ignore")
  expect_equal(control$check$rank_X, "stop")
  expect_message(env$lmerControl("Nelder_Mead"), "optimizer")
  expect_silent(env$lmerControl())
  expect_equal(env$lmerControl(check.rankX = "silent.drop.cols")$check$rank_X, "ignore")
  skip_if_not_installed("lme4")
  fit <- env$lmer(Yield ~ 1 + (1 | Batch), lme4::Dyestuff,
    control = lme4::lmerControl(check.nobs.vs.nRE = "warning"))
  expect_equal(fit$control$check$nobs_vs_nRE, "warning")
})

test_that("nothing of the user's is overwritten", {
  env <- list2env(list(lmer = 1))
  expect_rlmm_error(masquerade(env), "bad_argument", "lmer")
  expect_equal(env$lmer, 1)
  twice <- new.env()
  masquerade(twice)
  expect_silent(masquerade(twice))
  expect_false("lmer" %in% getNamespaceExports("rlmm"))
})

test_that("calls of many kinds give what they give in lme4", {
  skip_if_not_installed("lme4")
  calls <- quote({
    d <- rlmm::sleepstudy
    d$w <- seq_len(180) / 90
    form <- Reaction ~ Days + (1 | Subject)
    settings <- lmerControl("bobyqa", TRUE, optCtrl = list(maxfun = 1e5))
    wrapper <- function(data, ...) lmer(form, data, ...)
    list(
      lmer(form, d, control = settings),
      lmer(form, d, FALSE, lmerControl(optim = "bobyqa", calc.derivs = FALSE)),
      lmer(form, d, REML = 0),
      lmer(data = d, formula = form, control = list(optimizer = "bobyqa")),
      lmer(form, d, control = lmerControl(optimizer = c("bobyqa"), check.conv.grad = "ignore",
        check.rankX = "silent.drop.cols", check.nobs.vs.nRE = "ignore")),
      lmer(Reaction ~ Days + I(2 * Days) + (Days || Subject), data = d),
      lmer(form, d, start = list(theta = 1), weights = w, subset = Days > 1),
      lmer(log(Reaction) ~ poly(Days, 2) + offset(w) + (1 | Subject), d, na.action = na.exclude),
      lmer(Reaction ~ factor(Days) + (1 | Subject), d,
        contrasts = list(`factor(Days)` = contr.sum)),
      wrapper(d, REML = FALSE, control = settings),
      do.call(lmer, list(form, data = quote(d), verbose = 0L)),
      with(d, lmer(Reaction ~ Days + (1 | Subject))),
      d |> lmer(formula = Reaction ~ Days + (Days | Subject)),
      update(lmer(form, d), . ~ . - Days, control = lmerControl("Nelder_Mead")),
      lapply(split(d, d$Days > 4), function(part) lmer(form, part))[[2]]
    )
  })
  env <- new.env(parent = globalenv())
  masquerade(env)
  ours <- suppressMessages(eval(calls, env))
  env <- list2env(list(lmer = lme4::lmer, lmerControl = lme4::lmerControl), parent = globalenv())
  theirs <- suppressWarnings(suppressMessages(eval(calls, env)))
  for (i in seq_along(theirs)) {
    expect_s3_class(ours[[i]], "rlmm")
    expect_equal(fixef(ours[[i]]), lme4::fixef(theirs[[i]]), tolerance = 1e-4, label = i)
    expect_equal(logLik(ours[[i]]), logLik(theirs[[i]]), tolerance = 1e-6, ignore_attr = TRUE,
      label = i)
    expect_equal(isREML(ours[[i]]), lme4::isREML(theirs[[i]]), label = i)
  }
})

test_that("a setting that lme4 does not have is an error, and so is an argument", {
  env <- new.env(parent = globalenv())
  masquerade(env)
  expect_error(env$lmerControl(chek.rankX = "ignore"), "unused argument")
  expect_error(env$lmer(Reaction ~ Days + (1 | Subject), sleepstudy, method = "ML"),
    class = "rlmm_bad_argument")
  known <- names(formals(lmer_control_mask))
  skip_if_not_installed("lme4")
  expect_equal(setdiff(names(formals(lme4::lmerControl)), known), character())
})
